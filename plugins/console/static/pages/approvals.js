// Approvals: calls that wait for somebody's word, and what was said of those before.

import { step, focused } from "../lib/focus.js";
import { useKeys } from "../lib/keys.js";
import { html, useRef, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { plural } from "../lib/format.js";
import { Answer } from "../parts/answer.js";
import { Empty, Pending } from "../parts/failure.js";
import { History } from "../parts/approval-history.js";
import { Request } from "../parts/request.js";

const MOST = 200;
const EVENTS = { on: ["approval.", "run."], every: 15 };

export function Approvals({ query }) {
  const waiting = useApi(`/v1/approvals?state=requested&limit=${MOST}`, EVENTS);
  const [answering, setAnswering] = useState(null);
  const heading = useRef(null);
  const pressed = (selector) => () => focused(".request")?.querySelector(selector)?.click();
  useKeys("Approvals", [
    ["j", "next call", () => step(".request", 1)],
    ["k", "call before", () => step(".request", -1)],
    ["y", "grant", pressed("[data-verb=grant]")],
    ["n", "deny", pressed("[data-verb=deny]")],
  ]);
  const answered = () => heading.current?.focus(); // the button that had the focus is gone
  return html`
    <h1>Approvals</h1>
    <section class="column" aria-labelledby="waiting">
      <h2 id="waiting" ref=${heading} tabindex="-1">${waiting.value ? `${plural(waiting.value.length, "call")} waiting` : "Waiting"}</h2>
      <${Waiting} from=${waiting} onAnswer=${setAnswering} />
    </section>
    <section class="column" aria-labelledby="answered">
      <${History} query=${query} />
    </section>
    ${answering && html`<${Answer} ...${answering} onDone=${answered} onClose=${() => setAnswering(null)} />`}`;
}

// Those that are nearest to their end come first.
function Waiting({ from, onAnswer }) {
  if (!from.value) return html`<${Pending} from=${from} />`;
  if (!from.value.length) {
    return html`<${Empty} title="Nothing waits for approval">
      <p>A call waits here when a rule of the policy says <code>@ask("operator")</code>: it goes on once it is granted.</p>
      <p>Which rules hold: <code>retinue policy check</code>. From a shell: <code>retinue approvals list</code>.</p><//>`;
  }
  const sorted = [...from.value].sort((one, other) => one.expires - other.expires);
  return html`<${Pending} from=${{ error: from.error }} />
    <ul class="requests">${sorted.map((one) => html`<${Request} key=${one.id} approval=${one} onAnswer=${onAnswer} />`)}</ul>`;
}
