// One agent: what it does, what it takes, and what it did last.

import { duration, line, pretty } from "../lib/format.js";
import { go, href, route } from "../lib/route.js";
import { may } from "../lib/session.js";
import { html, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Age } from "../parts/age.js";
import { StopAgent, WorkForm } from "../parts/agent-actions.js";
import { AgentFacts } from "../parts/agent-facts.js";
import { AGENT_EVENTS, useAgentsNow } from "../parts/agents-now.js";
import { Badge } from "../parts/badge.js";
import { Empty, Pending } from "../parts/failure.js";

export function Agent({ name }) {
  const agent = useApi(`/v1/agents/${encodeURIComponent(name)}`, { on: AGENT_EVENTS, every: 5 });
    const [stopping, setStopping] = useState(false);
  const found = agent.value;
  const about = useAgentsNow(found ? [found] : []);
  return html`
    <nav aria-label="Where this is"><a href=${href("agents")}>Agents</a></nav>
    <div class="page-head"><h1>${name}</h1>
      ${found && html`<${Badge} state=${found.state} />
        <a href=${href("now", { agent: name })}>Watch it</a>
        <button class="danger" disabled=${!may("admin")} title=${may("admin") ? null : "This takes the role admin"} onClick=${() => setStopping(true)}>Stop</button>`}</div>
    ${agent.error && html`<${Pending} from=${agent} />`}
    ${!found ? !agent.error && html`<${Pending} from=${agent} />` : html`<div class="columns">
      <div class="stack">
        <section class="card" aria-label="State"><${AgentFacts} agent=${found} ...${about(found)} /></section>
        <${Recent} name=${name} />
        <${Tools} tools=${found.tools} />
      </div>
      <div class="stack"><${Work} agent=${found} /></div>
    </div>`}
    ${stopping && html`<${StopAgent} agent=${found} onStopped=${() => go("agents")} onClose=${() => setStopping(false)} />`}`;
}

function Work({ agent }) {
  return html`<section class="card" aria-labelledby="work"><h2 id="work">Give it work</h2>
    ${!may("operator") && html`<p class="soft">This takes the role operator.</p>`}
    <${WorkForm} agent=${agent} focus=${route.value.query.to === "submit"} />
    <details><summary>Schema of its input</summary><pre tabindex="0" aria-label="Schema">${pretty(agent.schema)}</pre></details>
  </section>`;
}

function Tools({ tools }) {
  return html`<section class="card" aria-labelledby="tools"><h2 id="tools">Tools</h2>
    ${tools.length ? html`<ul class="plain words">${tools.map((tool) => html`<li key=${tool}><code>${tool}</code></li>`)}</ul>` : html`<p class="soft">It calls none.</p>`}
  </section>`;
}

function Recent({ name }) {
  const tasks = useApi(`/v1/tasks?agent=${encodeURIComponent(name)}&limit=20`, { on: ["task."], every: 10 });
  return html`<section class="card" aria-labelledby="recent"><h2 id="recent">What it did last</h2>
    ${!tasks.value ? html`<${Pending} from=${tasks} />` : !tasks.value.length ? html`<${Empty} title="Nothing yet"><p><code>retinue submit ${name} --input '{…}'</code></p><//>` : html`
      <div class="scroll"><table aria-labelledby="recent">
        <thead><tr><th scope="col">State</th><th scope="col">Run</th><th scope="col">Submitted</th><th scope="col" class="number">Took</th><th scope="col">Why</th></tr></thead>
        <tbody>${tasks.value.map((task) => html`<${Task} key=${task.id} task=${task} />`)}</tbody>
      </table></div>
      <p class="after"><a href=${href("runs", { agent: name })}>All its runs</a></p>`}
  </section>`;
}

function Task({ task }) {
  const took = task.started && task.ended ? duration(task.ended - task.started) : "";
  return html`<tr><td><${Badge} state=${task.state} /></td>
    <td><a class="mono" href=${href("runs", task.run)}>${task.run}</a></td>
    <td><${Age} since=${task.submitted} suffix=" ago" /></td><td class="number">${took}</td>
    <td>${line(task.error || task.waiting_for, 120)}</td></tr>`;
}
