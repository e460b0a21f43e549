// A row of the trace in full.

import { plural } from "../lib/format.js";
import { href } from "../lib/route.js";
import { gapWords } from "../lib/trace.js";
import { html, useState } from "../lib/ui.js";
import { Events } from "./event.js";
import { Why } from "./why.js";

export function TraceDetail({ row, withRun }) {
  const [asked, setAsked] = useState(false);
  if (row.kind === "gap") return html`<p>${gapWords(row.gap)}.</p><p class="soft">${row.gap.how_to_fill}</p>`;
  const kept = row.events.length < row.pieces ? `, of which ${row.events.length} are kept here` : "";
  return html`
    <p class="toolbar">
      ${withRun && row.run && html`<a href=${href("runs", row.run)}>Run ${row.run}</a>`}
      ${withRun && row.run && html`<a href=${href("now", { run: row.run })}>Only this run</a>`}
      ${row.task && html`<span>Task <code>${row.task}</code></span>`}
      <span class="soft">${row.pieces > 1 ? `${plural(row.pieces, "event")}, ${row.seq} to ${row.last}${kept}` : `event ${row.seq}`}</span>
      <button type="button" aria-expanded=${asked} onClick=${() => setAsked(!asked)}>Why?</button>
    </p>
    ${asked && html`<${Why} id=${String(row.last)} />`}
    ${row.text && html`<pre class="whole">${row.text}</pre>`}
    <${Events} events=${row.events} />`;
}
