// What an agent is doing, in a list of facts: on its card and on its page.

import { count, plural } from "../lib/format.js";
import { href } from "../lib/route.js";
import { html } from "../lib/ui.js";
import { Age } from "./age.js";

const SHOWN = 5; // runs that are named

/** `runs` are the runs of the agent's running tasks, `rate` its ended tasks a minute, `mailbox` of its actor. */
export function AgentFacts({ agent, runs, rate, mailbox }) {
  return html`<dl class="facts">
    <dt>Doing</dt><dd>${doing(agent)}</dd>
    ${runs.length > 0 && html`<dt>In</dt><dd><${Runs} runs=${runs} /></dd>`}
    <dt>Waiting</dt><dd>${waiting(agent.queued, mailbox)}</dd>
    <dt>Rate</dt><dd>${count(rate)} a minute</dd>
    <dt>Ended</dt><dd>${count(agent.done)} done${agent.failed > 0 ? html`, <span class="failed">${count(agent.failed)} failed</span>` : ""}</dd>
    <dt>Isolation</dt><dd>${agent.isolation}</dd>
    ${agent.model && html`<dt>Model</dt><dd><code>${agent.model}</code></dd>`}
  </dl>`;
}

function doing(agent) {
  if (!agent.running.length) return html`<span class="soft">nothing</span>`;
  const others = agent.running.length - 1;
  return html`${agent.step || "working"} <span class="soft">for <${Age} since=${agent.since} />${others > 0 && `, and ${plural(others, "other task")}`}</span>`;
}

function Runs({ runs }) {
  const more = runs.length - SHOWN;
  return html`${runs.slice(0, SHOWN).map((run) => html`<a class="mono" key=${run} href=${href("runs", run)}>${run}</a> `)}
    ${more > 0 && html`<span class="soft">and ${count(more)} more</span>`}`;
}

function waiting(queued, mailbox) {
  const letters = mailbox > 0 ? `, ${plural(mailbox, "message")} in its mailbox` : "";
  return queued || letters ? `${plural(queued, "task")}${letters}` : html`<span class="soft">nothing</span>`;
}
