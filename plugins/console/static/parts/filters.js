// What narrows a trace: kept in the address.

import { setQuery } from "../lib/route.js";
import { html, useEffect, useId, useRef, useState } from "../lib/ui.js";

export const TYPES = ["agent.*", "tool.*", "llm.*", "task.*", "run.*", "approval.*", "security.*", "plugin.*", "message.*", "kernel.*", "bus.*", "agent.thought", "agent.text", "tool.called", "task.*failed"];

const QUIET = 150; // ms after the last key until the address has it: browsers count how often it changes

/** `fields` are some of run, agent, type, text; `agents` the names to choose from. */
export function Filters({ query, agents = [], fields = ["run", "agent", "type", "text"] }) {
  const id = useId();
  const set = (name) => (event) => setQuery({ [name]: event.target.value, row: null });
  const given = fields.filter((name) => query[name]);
  const known = query.agent && !agents.includes(query.agent) ? [query.agent, ...agents] : agents;
  const input = (name, label, more = {}) => html`<${Typed} name=${name} label=${label} value=${query[name] || ""} more=${more} />`;
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

function Typed({ name, label, value, more }) {
  const [typed, setTyped] = useState(null); // what the address does not have yet
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const take = (event) => {
    const text = event.target.value;
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      setQuery({ [name]: text, row: null });
      setTyped(null);
    }, QUIET);
  };
  return html`<label class="filter"><span>${label}</span>
    <input type="search" value=${typed ?? value} onInput=${take} spellcheck=${false} autocomplete="off" ...${more} /></label>`;
}
