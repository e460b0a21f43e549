// Why a task, a run or an event is as it is, in the kernel's words.

import { clock, duration, plural } from "../lib/format.js";
import { html } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Pending } from "./failure.js";

/** `id` is a task's, a run's, or an event's `seq`; `on` are the events after which it is asked again. */
export function Why({ id, on = [] }) {
  const asked = useApi(`/v1/why/${encodeURIComponent(id)}`, { on });
  const answer = asked.value;
  if (!answer) return html`<${Pending} from=${asked} />`;
  return html`<div class="why">
    <p class="answer">${answer.answer}</p>
    ${answer.edges?.length > 0 && html`<h2>It waits for</h2><ol>${answer.edges.map((edge) => html`<li>${edge.text}</li>`)}</ol>`}
    ${answer.waits && html`<h2>Where the time went</h2><ul>${Object.entries(answer.waits).map(([what, seconds]) => html`<li>${duration(seconds)} ${what}</li>`)}</ul>`}
    ${answer.attempts?.length > 1 && html`<h2>${plural(answer.attempts.length, "attempt")}</h2>
      <ol>${answer.attempts.map((attempt) => html`<li>${attempt.outcome || "goes on"}${attempt.cause && `: ${attempt.kind}: ${attempt.cause}`}</li>`)}</ol>`}
    ${answer.chain?.length > 0 && html`<h2>What led there</h2>
      <ol class="chain">${answer.chain.map((cause) => html`<li><span class="mono soft">${clock(cause.time * 1000)}</span> <code>${cause.type}</code> ${cause.text}</li>`)}</ol>`}
  </div>`;
}
