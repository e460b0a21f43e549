// What is missing, and what fetches it from the journal.

import { get, withQuery } from "../lib/api.js";
import { count } from "../lib/format.js";
import { fillGap, KEPT } from "../lib/live.js";
import { asEvent } from "../lib/stream.js";
import { gapWords } from "../lib/trace.js";
import { html } from "../lib/ui.js";
import { useAction } from "../lib/use.js";

const LOST = ["trimmed", "anew"];

export function Gap({ gap }) {
  const [run, busy, error] = useAction();
  const fetchable = !LOST.includes(gap.reason);
  return html`<span role="gridcell" class="missing">${error ? error.message : `${gapWords(gap)}.`}
    ${fetchable && html` <button type="button" disabled=${busy} onClick=${() => run(() => fill(gap))}>${busy ? "…" : "Fetch them"}</button>`}</span>`;
}

// No more than the page keeps, and of more the newest.
async function fill(gap) {
  const after = Math.max(gap.first - 1, gap.last - KEPT);
  const told = await get(withQuery("/v1/journal/events", { after, limit: Math.min(KEPT, gap.last - after) }));
  const events = told.events.map(asEvent).filter((event) => event.seq <= gap.last);
  if (!events.length) throw new Error(`The journal has let them go: it begins with ${count(told.first)}.`);
  fillGap(gap, events);
}
