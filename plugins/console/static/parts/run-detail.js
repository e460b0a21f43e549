// A task or a call of a run in full.

import { clock, duration, pretty } from "../lib/format.js";
import { href, route } from "../lib/route.js";
import { waitingFor } from "../lib/run.js";
import { asEvent } from "../lib/stream.js";
import { html, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Pending } from "./failure.js";
import { Why } from "./why.js";

export function TaskDetail({ task, run }) {
  const [asked, setAsked] = useState(false);
  const waits = waitingFor(task, run);
  return html`
    <p class="toolbar"><span>Task <code>${task.id}</code></span>
      <a href=${href("runs", run.id, { ...route.value.query, view: "events", text: task.id, row: null, open: null })}>Its events</a>
      <button type="button" aria-expanded=${asked} onClick=${() => setAsked(!asked)}>Why?</button></p>
    ${asked && html`<${Why} id=${task.id} />`}
    <dl class="facts">
      <dt>Submitted</dt><dd>${clock(task.submitted, { date: true })}${task.priority !== 5 && `, priority ${task.priority}`}</dd>
      ${waits && html`<dt>Waits for</dt><dd>${waits}</dd>`}
      ${task.thought && html`<dt>Last thought</dt><dd>${task.thought}</dd>`}
      ${task.attempts.length > 1 && html`<dt>Attempts</dt><dd><ol>${task.attempts.map((one) => html`<li>${attemptWords(one)}</li>`)}</ol></dd>`}
      ${task.error && html`<dt>Error</dt><dd class="error">${task.error}</dd>`}
    </dl>
    ${task.text && html`<h2>Text</h2><pre>${task.text}</pre>`}
    <h2>Input</h2><pre><code>${pretty(task.input)}</code></pre>
    ${task.state === "succeeded" && html`<h2>Result</h2><${Result} task=${task} />`}`;
}

/** What a task gave; a large one is asked for. */
export function Result({ task }) {
  const asked = useApi(task.end?.ref ? `/v1/events/${task.end.seq}` : "");
  if (task.end?.ref && !asked.value) return html`<${Pending} from=${asked} />`;
  const result = task.end?.ref ? asEvent(asked.value).data.result : task.result;
  return html`<pre class="result" tabindex="0"><code>${pretty(result ?? null)}</code></pre>`;
}

export function CallDetail({ call }) {
  return html`
    <p class="toolbar"><span>${call.what === "tool" ? "Tool" : "Model"} <code>${call.name}</code></span>
      <span class="soft">call ${call.id}, attempt ${call.attempt}, began ${clock(call.began, { date: true })}${call.seconds != null && `, took ${duration(call.seconds)}`}</span></p>
    ${call.args !== undefined && html`<h2>Arguments</h2><pre><code>${pretty(call.args)}</code></pre>`}
    ${call.error && html`<h2>Error</h2><pre class="error">${call.error}</pre>`}
    ${call.result != null && html`<h2>Result</h2><pre><code>${pretty(call.result)}</code></pre>`}`;
}

function attemptWords(attempt) {
  const ran = attempt.began == null ? "did not run"
    : attempt.ended == null ? `runs since ${clock(attempt.began)}` : `ran ${duration((attempt.ended - attempt.began) / 1000)}`;
  const delay = attempt.delay ? `, after a back-off of ${duration(attempt.delay)}` : "";
  return `${ran}${delay}${attempt.error && `: ${attempt.error}`}`;
}
