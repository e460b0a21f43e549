// Loading a plugin: where it comes from, what it asks for, and whether it shall have that.

import { bundled, chosen } from "../lib/bundle.js";
import { post } from "../lib/api.js";
import { plural, size } from "../lib/format.js";
import { go, setQuery } from "../lib/route.js";
import { me } from "../lib/session.js";
import { html, useId, useState } from "../lib/ui.js";
import { useAction } from "../lib/use.js";
import { Dialog } from "./dialog.js";
import { Failure } from "./failure.js";
import { Proposal } from "./proposal.js";
import { toast } from "./toasts.js";

const WAYS = { folder: "A folder on the daemon's machine", paste: "Paste", files: "Files from here" };
const LOADING = 120_000; // ms: it starts a process, and waits for what it offers
const SAMPLE = 'name = "words"\nversion = "1.0"\nentry = "words_plugin"\n';

/** `from` is one of the ways, as the address has it. */
export function PluginLoad({ from, onClose }) {
  const way = Object.hasOwn(WAYS, from ?? "") ? from : "folder";
  const [found, setFound] = useState(null); // {proposal, path}
  const load = async () => {
    const { proposal, path } = found;
    const loaded = await post("/v1/plugins", { path, approve: proposal.digest, by: me.value?.name ?? "" }, { timeout: LOADING });
    toast(`${loaded.name} ${loaded.version} is ${loaded.state}`);
    go("plugins", loaded.name);
  };
  const Form = { folder: FromFolder, paste: FromText, files: FromFiles }[way];
  return html`<${Dialog} title=${found ? `Load ${found.proposal.name}?` : "Load a plugin"} onClose=${onClose} wide>
    ${found ? html`<${Proposal} proposal=${found.proposal} onLoad=${load} onBack=${() => setFound(null)} />` : html`
      <div class="toolbar" role="group" aria-label="Where it comes from">
        ${Object.entries(WAYS).map(([name, label]) => html`<button type="button" key=${name}
          aria-pressed=${String(name === way)} onClick=${() => setQuery({ from: name })}>${label}</button>`)}</div>
      <${Form} onFound=${setFound} />`}
  <//>`;
}

function FromFolder({ onFound }) {
  const id = useId();
  const [path, setPath] = useState("");
  const look = async () => onFound({ path: path.trim(), proposal: await post("/v1/plugins/propose", { path: path.trim() }) });
  return html`<${Look} ready=${path.trim()} look=${look}>
    <div class="field"><label for=${id}>Folder</label>
      <input id=${id} value=${path} placeholder="/srv/plugins/words" autocomplete="off" spellcheck=${false}
        aria-describedby="${id}-hint" onInput=${(event) => setPath(event.target.value)} />
      <span class="hint" id="${id}-hint">an absolute path; it holds plugin.toml</span></div>
  <//>`;
}

function FromText({ onFound }) {
  const id = useId();
  const [manifest, setManifest] = useState(SAMPLE);
  const [name, setName] = useState("words_plugin.py");
  const [code, setCode] = useState("");
  const files = { "plugin.toml": manifest, ...(code.trim() && { [name.trim()]: code }) };
  return html`<${Look} ready=${manifest.trim()} look=${() => send({ files }, onFound)}>
    <div class="field"><label for="${id}-manifest">plugin.toml</label>
      <textarea id="${id}-manifest" rows="7" spellcheck=${false} value=${manifest} onInput=${(event) => setManifest(event.target.value)}></textarea></div>
    <div class="field"><label for="${id}-name">Name of the file with its code</label>
      <input id="${id}-name" value=${name} autocomplete="off" spellcheck=${false}
        aria-describedby="${id}-hint" onInput=${(event) => setName(event.target.value)} />
      <span class="hint" id="${id}-hint">as entry says, with .py</span></div>
    <div class="field"><label for="${id}-code">Code</label>
      <textarea id="${id}-code" rows="12" spellcheck=${false} value=${code} onInput=${(event) => setCode(event.target.value)}></textarea></div>
  <//>`;
}

function FromFiles({ onFound }) {
  const id = useId();
  const [files, setFiles] = useState([]);
  const [take, taking, error] = useAction();
  const choose = (event) => take(async () => setFiles(await chosen([...event.target.files])));
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  return html`<${Look} ready=${files.length && !taking} look=${() => send(bundled(files), onFound)}>
    <div class="field"><label for="${id}-files">Its files, or a zip archive of them</label>
      <input id="${id}-files" type="file" multiple onChange=${choose} /></div>
    <div class="field"><label for="${id}-folder">Or its folder</label>
      <input id="${id}-folder" type="file" webkitdirectory onChange=${choose} /></div>
    <${Failure} error=${error} />
    ${files.length > 0 && html`<p role="status">${plural(files.length, "file")}, ${size(bytes)}</p>
      <ul class="plain words">${files.slice(0, 50).map(({ path }) => html`<li key=${path}><code>${path}</code></li>`)}</ul>`}
  <//>`;
}

// What a form for a plugin's source has in common: nothing of it runs by looking at it.
function Look({ ready, look, children }) {
  const [run, busy, error] = useAction();
  const submit = (event) => {
    event.preventDefault();
    if (ready) run(look);
  };
  return html`<form class="plugin-source" onSubmit=${submit}>${children}
    <${Failure} error=${error} />
    <footer><button class="primary" disabled=${busy || !ready}>${busy ? "…" : "See what it asks for"}</button></footer>
  </form>`;
}

async function send(body, onFound) {
  const { path, ...proposal } = await post("/v1/plugins/upload", body);
  onFound({ path, proposal });
}
