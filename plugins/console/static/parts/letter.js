// One dead letter, opened: all that is known of it, with its payload.

import { clock, pretty } from "../lib/format.js";
import { href } from "../lib/route.js";
import { may } from "../lib/session.js";
import { html, useEffect, useRef } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Pending } from "./failure.js";

export function Letter({ id, ask, onClose }) {
  const from = useApi(`/v1/dead/${encodeURIComponent(id)}`, { on: ["message.redriven", "message.purged"] });
  const heading = useRef(null);
  useEffect(() => heading.current?.scrollIntoView({ block: "nearest" }), []);
  return html`<section class="card letter" aria-labelledby="letter">
    <header><h2 id="letter" ref=${heading}>${id}</h2>
      <button class="quiet" aria-label="Close this letter" onClick=${onClose}>×</button></header>
    ${from.value ? html`<${Opened} told=${from.value} ask=${ask} />` : html`<${Pending} from=${from} />`}
  </section>`;
}

function Opened({ told: { letter, payload, sender, message }, ask }) {
  const why = letter.dealt || (may("operator") ? "" : "This takes the role operator.");
  return html`
    <dl class="facts">
      <dt>What</dt><dd>${letter.kind} <code>${letter.what}</code></dd>
      <dt>For</dt><dd>${letter.recipient}</dd>
      <dt>When</dt><dd>${clock(letter.time * 1000, { date: true })}</dd>
      <dt>Why</dt><dd>${letter.reason}</dd>
      ${letter.dealt && html`<dt>Dealt with</dt><dd>${letter.dealt}</dd>`}
      ${sender && html`<dt>From</dt><dd>${sender}</dd>`}
      ${message && html`<dt>Message</dt><dd><code>${message}</code></dd>`}
      ${letter.run && html`<dt>Run</dt><dd><a href=${href("runs", letter.run)}>${letter.run}</a>${letter.task && html`, task <code>${letter.task}</code>`}</dd>`}
    </dl>
    <h3>${letter.kind === "task" ? "Its input" : "Its body"}</h3>
    <pre tabindex="0" aria-label="Payload">${pretty(payload)}</pre>
    <div class="toolbar">
      <button class="primary" disabled=${why} title=${why} onClick=${() => ask("redrive")([letter.id])}>Redrive…</button>
      <button class="danger" disabled=${why} title=${why} onClick=${() => ask("purge")([letter.id])}>Purge…</button>
    </div>`;
}
