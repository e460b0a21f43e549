// The plugins: what they are, what they may, and how they are.

import { step } from "../lib/focus.js";
import { count, plural } from "../lib/format.js";
import { useKeys } from "../lib/keys.js";
import { href, setQuery } from "../lib/route.js";
import { may } from "../lib/session.js";
import { html } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Badge } from "../parts/badge.js";
import { Empty, Pending } from "../parts/failure.js";
import { PluginLoad } from "../parts/plugin-load.js";
import { Level } from "../parts/plugin-walls.js";
import { Plugin } from "./plugin.js";

const ENTRIES = ".plugin-card h2 a";

export function Plugins({ parts, query }) {
  if (parts[0]) return html`<${Plugin} key=${parts[0]} name=${parts[0]} query=${query} />`;
  return html`<${List} query=${query} />`;
}

function List({ query }) {
  const plugins = useApi("/v1/plugins", { on: ["plugin."], every: 10 });
  const load = () => may("admin") && setQuery({ do: "load" });
  useKeys("Plugins", [
    ["j", "next plugin", () => step(ENTRIES, 1)],
    ["k", "plugin before", () => step(ENTRIES, -1)],
    ["n", "load a plugin", load],
  ]);
  return html`
    <div class="page-head"><h1>Plugins</h1>
      <button class="primary" disabled=${!may("admin")} title=${may("admin") ? "n" : "This takes the role admin"} onClick=${load}>Load a plugin</button></div>
    ${plugins.value && plugins.error && html`<${Pending} from=${plugins} />`}
    ${plugins.value ? html`<${Sections} plugins=${plugins.value} />` : html`<${Pending} from=${plugins} />`}
    ${query.do === "load" && html`<${PluginLoad} from=${query.from} onClose=${() => setQuery({ do: "", from: "" })} />`}`;
}

function Sections({ plugins }) {
  const own = plugins.filter((plugin) => plugin.source === "system");
  const others = plugins.filter((plugin) => plugin.source !== "system");
  return html`
    <section aria-labelledby="loaded"><h2 id="loaded">Loaded here</h2>
      ${others.length ? html`<${Cards} plugins=${others} />` : html`<${Empty} title="Only the kernel's own plugins are here">
        <p>Make one and load it, here or in a terminal:</p>
        <p><code>retinue plugins new words</code></p><p><code>retinue plugins load words</code></p><//>`}</section>
    <section aria-labelledby="system"><h2 id="system">The kernel's own</h2><${Cards} plugins=${own} /></section>`;
}

function Cards({ plugins }) {
  return html`<ul class="cards plain">${plugins.map((plugin) => html`<${Card} key=${plugin.name} plugin=${plugin} />`)}</ul>`;
}

function Card({ plugin }) {
  const [first, ...more] = plugin.permissions;
  return html`<li class="card plugin-card">
    <header><h2><a href=${href("plugins", plugin.name)}>${plugin.name}</a> <span class="soft">${plugin.version}</span></h2><${Badge} state=${plugin.state} /></header>
    ${plugin.error && html`<p class="notice bad">${plugin.error}</p>`}
    <dl class="facts">
      <dt>Runs</dt><dd><${Level} plugin=${plugin} /></dd>
      ${plugin.pid > 0 && html`<dt>Process</dt><dd>${plugin.pid}, ${plural(plugin.calls, "call")}</dd>`}
      <dt>Tools</dt><dd><${ToolLinks} plugin=${plugin} /></dd>
      ${plugin.agents.length > 0 && html`<dt>Agents</dt><dd>${plugin.agents.map((agent) => html`<a key=${agent} href=${href("agents", agent)}>${agent}</a> `)}</dd>`}
      ${first && html`<dt>May</dt><dd>${first}${more.length > 0 && html` <span class="soft">and ${count(more.length)} more</span>`}</dd>`}
    </dl>
  </li>`;
}

function ToolLinks({ plugin }) {
  const tools = Object.keys(plugin.tools);
  if (!tools.length) return html`<span class="soft">none</span>`;
  return html`<ul class="plain words">${tools.map((tool) => html`<li key=${tool}>
    <a class="mono" href=${href("plugins", plugin.name, { tool })}>${tool}</a></li>`)}</ul>`;
}
