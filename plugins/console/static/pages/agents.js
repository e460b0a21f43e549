// The agents: what each is doing, and how much it has to do.

import { step } from "../lib/focus.js";
import { count } from "../lib/format.js";
import { useKeys } from "../lib/keys.js";
import { href, setQuery } from "../lib/route.js";
import { may } from "../lib/session.js";
import { html, useId, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { SpawnAgent, StopAgent } from "../parts/agent-actions.js";
import { AgentFacts } from "../parts/agent-facts.js";
import { AGENT_EVENTS, useAgentsNow } from "../parts/agents-now.js";
import { Badge } from "../parts/badge.js";
import { Empty, Pending } from "../parts/failure.js";
import { Agent } from "./agent.js";

const FEW = 12; // agents that can be overlooked without a filter
const MOST = 200; // that are drawn at once
const ENTRIES = ".agent-card h2 a";

export function Agents({ parts, query }) {
  if (parts[0]) return html`<${Agent} key=${parts[0]} name=${parts[0]} />`;
  return html`<${List} query=${query} />`;
}

function List({ query }) {
  const agents = useApi("/v1/agents", { on: AGENT_EVENTS, every: 5 });
  const about = useAgentsNow(agents.value || []);
  const [stopping, setStopping] = useState(null);
  const spawn = () => may("admin") && setQuery({ do: "spawn" });
  useKeys("Agents", [
    ["j", "next agent", () => step(ENTRIES, 1)],
    ["k", "agent before", () => step(ENTRIES, -1)],
    ["n", "spawn an agent", spawn],
  ]);
  return html`
    <div class="page-head"><h1>Agents</h1>
      <button class="primary" disabled=${!may("admin")} title=${may("admin") ? "n" : "This takes the role admin"} onClick=${spawn}>Spawn an agent</button></div>
    ${agents.value && agents.error && html`<${Pending} from=${agents} />`}
    ${agents.value ? html`<${Cards} agents=${agents.value} wanted=${query.name || ""} about=${about} onStop=${setStopping} />` : html`<${Pending} from=${agents} />`}
    ${query.do === "spawn" && html`<${SpawnAgent} onClose=${() => setQuery({ do: "" })} />`}
    ${stopping && html`<${StopAgent} agent=${stopping} onStopped=${agents.reload} onClose=${() => setStopping(null)} />`}`;
}

function Cards({ agents, wanted, about, onStop }) {
  if (!agents.length) {
    return html`<${Empty} title="There are no agents"><p>Spawn one here, or in a terminal:</p>
      <p><code>retinue agents spawn writer ./agents.py:writer</code></p><//>`;
  }
  const found = agents.filter(({ name }) => name.includes(wanted));
  return html`
    ${(agents.length > FEW || wanted) && html`<${Filter} wanted=${wanted} found=${found.length} of=${agents.length} />`}
    <ul class="cards plain">${found.slice(0, MOST).map((agent) => html`<${Card} key=${agent.name} agent=${agent} about=${about(agent)} onStop=${onStop} />`)}</ul>`;
}

function Filter({ wanted, found, of }) {
  const id = useId();
  const shown = found > MOST ? `the first ${MOST} of ${count(found)}` : `${count(found)} of ${count(of)}`;
  return html`<div class="toolbar"><label for=${id}>Name</label>
    <input id=${id} type="search" value=${wanted} onInput=${(event) => setQuery({ name: event.target.value })} />
    <span class="soft" role="status">${shown}</span></div>`;
}

function Card({ agent, about, onStop }) {
  return html`<li class="card agent-card">
    <header><h2><a href=${href("agents", agent.name)}>${agent.name}</a></h2><${Badge} state=${agent.state} /></header>
    <${AgentFacts} agent=${agent} ...${about} />
    <footer>
      <a class="button" href=${href("agents", agent.name, { to: "submit" })}>Give it work<span class="visually-hidden">: ${agent.name}</span></a>
      <button class="quiet" disabled=${!may("admin")} title=${may("admin") ? null : "This takes the role admin"}
        onClick=${() => onStop(agent)}>Stop<span class="visually-hidden"> ${agent.name}</span></button>
    </footer>
  </li>`;
}
