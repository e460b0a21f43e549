// What narrows a trace: kept in the address.

import { setQuery } from "../lib/route.js";
import { html, useId } from "../lib/ui.js";

export const TYPES = ["agent.*", "tool.*", "llm.*", "task.*", "run.*", "approval.*", "security.*", "plugin.*", "message.*", "kernel.*", "bus.*", "agent.thought", "agent.text", "tool.called", "task.*failed"];

/** `fields` are some of run, agent, type, text; `agents` the names to choose from. */
export function Filters({ query, agents = [], fields = ["run", "agent", "type", "text"] }) {
  const id = useId();
  const set = (name) => (event) => setQuery({ [name]: event.target.value, row: null });
  const given = fields.filter((name) => query[name]);
  const known = query.agent && !agents.includes(query.agent) ? [query.agent, ...agents] : agents;
  const input = (name, label, more = {}) => html`<label class="filter"><span>${label}</span>
    <input type="search" value=${query[name] || ""} onInput=${set(name)} spellcheck=${false} autocomplete="off" ...${more} /></label>`;
  return html`<form class="filters" role="search" aria-label="Filters" onSubmit=${(event) => event.preventDefault()}>
    ${fields.includes("agent") && html`<label class="filter"><span>Agent</span>
      <select value=${query.agent || ""} onChange=${set("agent")}>
        <option value="">all</option>
        ${known.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
      </select></label>`}
    ${fields.includes("type") && input("type", "Type", { list: `${id}-types`, placeholder: "tool.* task.failed" })}
    ${fields.includes("text") && input("text", "Text")}
    ${fields.includes("run") && input("run", "Run", { placeholder: "r-…" })}
    <datalist id="${id}-types">${TYPES.map((type) => html`<option value=${type} />`)}</datalist>
    ${given.length > 0 && html`<button type="button" onClick=${() => setQuery(Object.fromEntries(given.map((name) => [name, null])))}>Clear</button>`}
  </form>`;
}
