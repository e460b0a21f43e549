// One plugin: how it is, what it may, and its tools.

import { del, post, withQuery } from "../lib/api.js";
import { plural } from "../lib/format.js";
import { go, href } from "../lib/route.js";
import { may } from "../lib/session.js";
import { html, useId, useState } from "../lib/ui.js";
import { useAction, useApi } from "../lib/use.js";
import { Badge } from "../parts/badge.js";
import { Confirm } from "../parts/dialog.js";
import { Failure, Pending } from "../parts/failure.js";
import { Layers, Level, Words } from "../parts/plugin-walls.js";
import { toast } from "../parts/toasts.js";
import { Tools } from "../parts/tools.js";

const MINUTES = 3_700_000; // ms: as long as calls in flight may take

export function Plugin({ name, query }) {
  const path = `/v1/plugins/${encodeURIComponent(name)}`;
  const plugin = useApi(path, { on: ["plugin."], every: 10 });
  const [asked, setAsked] = useState("");
  const found = plugin.value;
  const hosted = found && found.digest !== "";
  return html`
    <nav aria-label="Where this is"><a href=${href("plugins")}>Plugins</a></nav>
    <div class="page-head"><h1>${name} ${found && html`<span class="soft">${found.version}</span>`}</h1>
      ${found && html`<${Badge} state=${found.state} />`}
      ${hosted && html`<${Actions} plugin=${found} path=${path} onAsk=${setAsked} onDone=${plugin.reload} />`}</div>
    ${plugin.error && html`<${Pending} from=${plugin} />`}
    ${!found ? !plugin.error && html`<${Pending} from=${plugin} />` : html`
      ${found.error && html`<p class="notice bad"><strong>Last error:</strong> ${found.error}</p>`}
      <div class="columns plugin">
        <div class="stack">
          <section class="card" aria-label="State"><${Facts} plugin=${found} /></section>
          ${hosted && html`<section class="card" aria-labelledby="may"><h2 id="may">It may</h2><${Words} lines=${found.permissions} none="nothing beyond computing" /></section>`}
        </div>
        <div class="stack"><${Tools} plugin=${found} chosen=${query.tool} /></div>
      </div>`}
    ${asked === "unload" && html`<${Unload} name=${name} path=${path} onClose=${() => setAsked("")} />`}
    ${asked === "revoke" && html`<${Revoke} name=${name} path=${path} onClose=${() => setAsked("")} />`}`;
}

function Facts({ plugin }) {
  return html`<dl class="facts">
    <dt>Runs</dt><dd><${Level} plugin=${plugin} /></dd>
    ${plugin.layers.length > 0 && html`<dt>Walls</dt><dd><${Layers} layers=${plugin.layers} /></dd>`}
    ${plugin.pid > 0 && html`<dt>Process</dt><dd>${plugin.pid}</dd><dt>Calls</dt><dd>${plural(plugin.calls, "call")}</dd>`}
    <dt>Source</dt><dd>${plugin.source}</dd>
    <dt>Runtime</dt><dd>${plugin.runtime}</dd>
    ${plugin.agents.length > 0 && html`<dt>Agents</dt><dd>${plugin.agents.map((agent) => html`<a key=${agent} href=${href("agents", agent)}>${agent}</a> `)}</dd>`}
    ${plugin.digest && html`<dt>Content</dt><dd><code class="digest">${plugin.digest}</code></dd>`}
  </dl>`;
}

function Actions({ plugin, path, onAsk, onDone }) {
  const [run, busy, error] = useAction();
  const release = () => run(async () => {
    await post(`${path}/release`, {}, { timeout: MINUTES });
    toast(`${plugin.name} is started once more`);
    onDone();
  });
  const title = may("admin") ? null : "This takes the role admin";
  return html`<div class="toolbar">
    ${plugin.state === "quarantined" && html`<button class="primary" disabled=${busy || !may("admin")} title=${title} onClick=${release}>Release from quarantine</button>`}
    <button disabled=${!may("admin")} title=${title} onClick=${() => onAsk("unload")}>Unload</button>
    <button class="danger" disabled=${!may("admin")} title=${title} onClick=${() => onAsk("revoke")}>Revoke its grant</button>
  </div><${Failure} error=${error} />`;
}

function Unload({ name, path, onClose }) {
  const id = useId();
  const [drain, setDrain] = useState("");
  const act = async () => {
    await del(withQuery(path, { reason: "unloaded in the console", drain }), { timeout: MINUTES });
    toast(`${name} is unloaded`);
    go("plugins");
  };
  return html`<${Confirm} title="Unload ${name}?" label="Unload it" act=${act} onClose=${onClose}>
    <p>Its tools go at once; calls in flight may end, and then its process does. What it was granted stays.</p>
    <div class="field"><label for=${id}>Seconds for calls in flight</label>
      <input id=${id} type="number" min="0" max="3600" step="any" value=${drain} placeholder="as long as a call may take" onInput=${(event) => setDrain(event.target.value)} /></div>
  <//>`;
}

function Revoke({ name, path, onClose }) {
  const id = useId();
  const [reason, setReason] = useState("");
  const act = async () => {
    await del(withQuery(`${path}/grant`, { reason }), { timeout: MINUTES });
    toast(`what ${name} was granted is taken back`);
    go("plugins");
  };
  return html`<${Confirm} title="Revoke the grant of ${name}?" label="Revoke it" danger act=${act} onClose=${onClose}>
    <p>It ends at once, and its calls in flight fail. It is asked about again before it can be loaded.</p>
    <div class="field"><label for=${id}>Reason</label>
      <input id=${id} value=${reason} placeholder="asked for by an operator" autocomplete="off" onInput=${(event) => setReason(event.target.value)} /></div>
  <//>`;
}
