// The list of dead letters: each can be opened, and marked for what is done to many.

import { clock, line } from "../lib/format.js";
import { href } from "../lib/route.js";
import { may } from "../lib/session.js";
import { html } from "../lib/ui.js";

export function DeadList({ letters, open, query, marked, onMark }) {
  const markable = letters.filter((one) => !one.dealt);
  const all = markable.length > 0 && markable.every((one) => marked.has(one.id));
  const marks = may("operator");
  const toggle = (id) => {
    const next = new Set(marked);
    if (!next.delete(id)) next.add(id);
    onMark(next);
  };
  return html`
    ${marks && html`<label class="check"><input type="checkbox" checked=${all} disabled=${!markable.length}
      onChange=${() => onMark(new Set(all ? [] : markable.map((one) => one.id)))} /> mark all that are shown</label>`}
    <ul class="letters" aria-label="Dead letters, newest first">
      ${letters.map((one) => html`<${Row} key=${one.id} one=${one} current=${one.id === open} query=${query}
        marks=${marks} marked=${marked.has(one.id)} onMark=${() => toggle(one.id)} />`)}
    </ul>`;
}

function Row({ one, current, query, marks, marked, onMark }) {
  return html`<li data-letter=${one.id} class=${current ? "current" : ""}>
    ${marks && html`<input type="checkbox" aria-label=${`Mark ${one.id}`} checked=${marked} disabled=${Boolean(one.dealt)} onChange=${onMark} />`}
    <a href=${href("dead", one.id, query)} aria-current=${current ? "true" : null}>
      <span class="head"><span class="badge ${one.dealt ? "plain" : "bad"}">${one.what}</span>
        <span class="to">${one.recipient}</span><time class="soft">${clock(one.time * 1000, { date: true, fraction: false })}</time></span>
      <span class="reason">${line(one.dealt || one.reason, 160)}</span>
    </a></li>`;
}
