// All runs, newest first.

import { clock, count, duration } from "../lib/format.js";
import { useKeys } from "../lib/keys.js";
import { go, href, setQuery } from "../lib/route.js";
import { withQuery } from "../lib/api.js";
import { may, me } from "../lib/session.js";
import { useSignal } from "../lib/signal.js";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { useApi, useNow } from "../lib/use.js";
import { Agent } from "../parts/agent.js";
import { Badge } from "../parts/badge.js";
import { Empty, Pending } from "../parts/failure.js";
import { CancelRun } from "../parts/run-actions.js";
import { Submit } from "../parts/submit.js";
import { stepFrom } from "../parts/virtual.js";

const PAGE = 50;
const STATES = ["running", "succeeded", "failed", "cancelled", "outcome_unknown"];
const MOVES = ["run.", "task.submitted", "task.succeeded", "task.failed", "task.cancelled", "task.outcome_unknown"];

export function Runs({ query }) {
  useSignal(me);
  const { state = "", agent = "", before = "" } = query;
  const asked = useApi(withQuery("/v1/runs", { state, agent, before, limit: PAGE }), { on: MOVES });
  const agents = useApi("/v1/agents", { on: ["agent.spawned", "agent.stopped"] });
  const [selected, setSelected] = useState("");
  const [dialog, setDialog] = useState(null);
  const runs = asked.value || [];
  const step = (by) => setSelected(stepFrom(runs, ({ id }) => id, selected, by));
  const chosen = runs.find(({ id }) => id === selected);
  const allowed = may("operator");
  const cancel = (run) => run && run.ended === null && allowed && setDialog({ cancel: run.id });
  useKeys("Runs", [
    ["j", "next run", () => step(1)],
    ["k", "run before", () => step(-1)],
    ["Enter", "open the run", () => chosen && go("runs", chosen.id)],
    ["c", "cancel the run", () => cancel(chosen)],
    ...(allowed ? [["s", "submit a task", () => setDialog({ submit: true })]] : []),
  ]);
  return html`
    <div class="page-head"><h1>Runs</h1>
      <button type="button" class="primary" disabled=${!allowed} title=${allowed ? "s" : "This takes the role operator"} onClick=${() => setDialog({ submit: true })}>Submit a task</button>
    </div>
    <${Narrow} state=${state} agent=${agent} agents=${agents.value || []} />
    ${asked.value ? html`<${List} runs=${runs} selected=${selected} onSelect=${setSelected} onCancel=${allowed && cancel} filtered=${state || agent || before} />` : html`<${Pending} from=${asked} />`}
    <${Pages} query=${query} runs=${runs} />
    ${dialog?.submit && html`<${Submit} agent=${agent} onClose=${() => setDialog(null)} />`}
    ${dialog?.cancel && html`<${CancelRun} id=${dialog.cancel} onClose=${() => setDialog(null)} />`}`;
}

function Narrow({ state, agent, agents }) {
  const set = (name) => (event) => setQuery({ [name]: event.target.value, before: null });
  const names = agents.map(({ name }) => name);
  return html`<form class="filters" role="search" aria-label="Filters" onSubmit=${(event) => event.preventDefault()}>
    <label class="filter"><span>State</span><select value=${state} onChange=${set("state")}>
      <option value="">all</option>${STATES.map((one) => html`<option key=${one} value=${one}>${one.replace("_", " ")}</option>`)}</select></label>
    <label class="filter"><span>Agent</span><select value=${agent} onChange=${set("agent")}>
      <option value="">all</option>${(agent && !names.includes(agent) ? [agent, ...names] : names).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
    ${(state || agent) && html`<button type="button" onClick=${() => setQuery({ state: null, agent: null, before: null })}>Clear</button>`}
  </form>`;
}

function List({ runs, selected, onSelect, onCancel, filtered }) {
  const now = useNow(1);
  if (!runs.length && filtered) return html`<${Empty} title="No run is like this"><p>Clear the filters, or go to the newest.</p><//>`;
  if (!runs.length) return html`<${Empty} title="There has been no run yet"><p>Submit a task here, or by <code>retinue submit echo --input '{"text": "hello"}'</code>.</p><//>`;
  return html`<table class="runs" role="table"><caption class="visually-hidden">Runs, newest first</caption>
    <thead><tr><th scope="col">Run</th><th scope="col">State</th><th scope="col">Agent</th>
      <th scope="col" class="number">Tasks</th><th scope="col">Began</th><th scope="col" class="number">Took</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
    <tbody>${runs.map((run) => html`<${Row} key=${run.id} run=${run} now=${now} isSelected=${run.id === selected} onSelect=${onSelect} onCancel=${onCancel} />`)}</tbody>
  </table>`;
}

function Row({ run, now, isSelected, onSelect, onCancel }) {
  const row = useRef(null);
  useEffect(() => {
    if (isSelected) row.current.scrollIntoView({ block: "nearest" });
  }, [isSelected]);
  const took = (run.ended ?? Math.max(run.started, now / 1000)) - run.started;
  return html`<tr ref=${row} role="row" class=${isSelected ? "selected" : ""} onClick=${() => onSelect(run.id)}>
    <th scope="row" role="rowheader" class="mono"><a href=${href("runs", run.id)}>${run.id}</a></th>
    <td role="cell"><${Badge} state=${run.state}>${run.state.replace("_", " ")}<//></td>
    <td role="cell"><${Agent} name=${run.agent} /></td>
    <td role="cell" class="number">${run.ended === null && run.tasks > 1 ? `${count(run.open)} of ${count(run.tasks)} open` : count(run.tasks)}</td>
    <td role="cell" class="began">${clock(run.started * 1000, { date: true, fraction: false })}</td>
    <td role="cell" class="number took">${duration(took)}</td>
    <td role="cell" class="actions">${run.ended === null && html`<button type="button" disabled=${!onCancel}
      title=${onCancel ? "c" : "This takes the role operator"} aria-label=${`Cancel ${run.id}`} onClick=${() => onCancel(run)}>Cancel</button>`}</td>
  </tr>`;
}

function Pages({ query, runs }) {
  const { before, ...others } = query;
  if (!before && runs.length < PAGE) return null;
  return html`<nav class="toolbar" aria-label="Pages of the list">
    ${before && html`<a href=${href("runs", others)}>Newest</a>`}
    ${runs.length === PAGE && html`<a href=${href("runs", { ...others, before: runs.at(-1).id })}>Older</a>`}
  </nav>`;
}
