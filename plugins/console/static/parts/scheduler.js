// By what the Scheduler decides, and changing it while the kernel runs.

import { post } from "../lib/api.js";
import { may } from "../lib/session.js";
import { html, useId, useState } from "../lib/ui.js";
import { useAction, useApi } from "../lib/use.js";
import { Badge } from "./badge.js";
import { Failure, Pending } from "./failure.js";
import { toast } from "./toasts.js";

const POLICIES = ["priority", "fifo", "round_robin"];

export function Scheduler({ paused, onChange }) {
  const from = useApi("/v1/scheduler", { on: ["scheduler."], every: 10 });
  const [run, busy, error] = useAction();
  const change = (changes, told) => run(async () => {
    await post("/v1/scheduler", changes);
    toast(told);
    onChange();
    from.reload();
  });
  const why = may("admin") ? "" : "This takes the role admin.";
  const told = from.value;
  return html`<section class="card">
    <header class="card-head"><h2>Scheduler</h2><${Badge} state=${paused ? "paused" : "running"} /></header>
    ${told ? html`<${Settings} key=${`${told.policy} ${told.max_running} ${told.max_per_agent}`} told=${told} why=${why} busy=${busy} onChange=${change} />` : html`<${Pending} from=${from} />`}
    <${Failure} error=${error} />
    <div class="toolbar"><button disabled=${busy || why} title=${why} onClick=${() => change({ paused: !paused }, paused ? "The Scheduler goes on." : "The Scheduler is paused.")}>${paused ? "Resume" : "Pause"}</button>
      ${why && html`<span class="soft">${why}</span>`}</div>
  </section>`;
}

function Settings({ told, why, busy, onChange }) {
  const [policy, setPolicy] = useState(told.policy);
  const [running, setRunning] = useState(String(told.max_running));
  const [each, setEach] = useState(String(told.max_per_agent));
  const id = useId();
  const same = policy === told.policy && Number(running) === told.max_running && Number(each) === told.max_per_agent;
  const submit = (event) => {
    event.preventDefault();
    onChange({ policy, max_running: Number(running), max_per_agent: Number(each) }, "The Scheduler decides anew.");
  };
  const number = (name, label, value, set) => html`<label for=${`${id}-${name}`}>${label}</label>
    <input id=${`${id}-${name}`} type="number" min="1" max="1000000000" required disabled=${why} value=${value} onInput=${(event) => set(event.target.value)} />`;
  return html`<form class="settings" onSubmit=${submit}>
    <label for=${`${id}-policy`}>Who is next</label>
    <select id=${`${id}-policy`} disabled=${why} value=${policy} onChange=${(event) => setPolicy(event.target.value)}>
      ${POLICIES.map((one) => html`<option value=${one}>${one.replace("_", " ")}</option>`)}</select>
    ${number("running", "Run at once", running, setRunning)}
    ${number("each", "Of one agent", each, setEach)}
    <span></span><button disabled=${why || same || busy} title=${why}>Change</button>
  </form>`;
}
