// The agents: what each is doing, and how much it has to do.

import { step } from "../lib/focus.js";
import { useKeys } from "../lib/keys.js";
import { href, setQuery } from "../lib/route.js";
import { may } from "../lib/session.js";
import { html, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { SpawnAgent, StopAgent } from "../parts/agent-actions.js";
import { AgentFacts } from "../parts/agent-facts.js";
import { AGENT_EVENTS, useAgentsNow } from "../parts/agents-now.js";
import { Badge } from "../parts/badge.js";
import { Empty, Pending } from "../parts/failure.js";
import { Agent } from "./agent.js";

const ENTRIES = ".agent-card h2 a";

export function Agents({ parts, query }) {
  if (parts[0]) return html`<${Agent} key=${parts[0]} name=${parts[0]} />`;
  return html`<${List} query=${query} />`;
}

function List({ query }) {
  const agents = useApi("/v1/agents", { on: AGENT_EVENTS, every: 5 });
  const about = useAgentsNow();
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
    ${agents.value ? html`<${Cards} agents=${agents.value} about=${about} onStop=${setStopping} />` : html`<${Pending} from=${agents} />`}
    ${query.do === "spawn" && html`<${SpawnAgent} onClose=${() => setQuery({ do: "" })} />`}
    ${stopping && html`<${StopAgent} agent=${stopping} onStopped=${agents.reload} onClose=${() => setStopping(null)} />`}`;
}

function Cards({ agents, about, onStop }) {
  if (!agents.length) {
    return html`<${Empty} title="There are no agents"><p>Spawn one here, or in a terminal:</p>
      <p><code>retinue agents spawn writer ./agents.py:writer</code></p><//>`;
  }
  return html`<ul class="cards plain">${agents.map((agent) => html`<${Card} key=${agent.name} agent=${agent} about=${about(agent)} onStop=${onStop} />`)}</ul>`;
}

function Card({ agent, about, onStop }) {
  return html`<li class="card agent-card">
    <header><h2><a href=${href("agents", agent.name)}>${agent.name}</a></h2><${Badge} state=${agent.state} /></header>
    <${AgentFacts} agent=${agent} ...${about} />
    <footer>
      <a class="button" href=${href("agents", agent.name, { to: "submit" })}>Give it work<span class="visually-hidden">: ${agent.name}</span></a>
      <button class="quiet" disabled=${!may("admin")} title=${may("admin") ? null : "This takes the role admin"} onClick=${() => onStop(agent)}>Stop<span class="visually-hidden"> ${agent.name}</span></button>
    </footer>
  </li>`;
}
