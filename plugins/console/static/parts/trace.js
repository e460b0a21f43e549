// The trace: what happens, a row for each thing that does.

import { useKeys } from "../lib/keys.js";
import { clock, count } from "../lib/format.js";
import { href } from "../lib/route.js";
import { labelOf, standsOut, tookOf, toneOf, wordsOf } from "../lib/trace.js";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { useNow } from "../lib/use.js";
import { Agent } from "./agent.js";
import { Gap } from "./gap.js";
import { TraceDetail } from "./trace-detail.js";
import { stepFrom, VirtualList } from "./virtual.js";

/**
 * `rows` of a Trace, those of them that `wanted(row)`. The list follows its end until somebody looks
 * elsewhere; with `frozen` it then keeps still, and says how many rows are new. `open` is the key of
 * the row that is open, `onOpen(key)` changes it; `onAgent(name)` is for a press on a name. `head` stands
 * above the list, and the children in its place while there are no rows.
 */
export function TraceList({ rows, wanted, label, open, onOpen, onAgent, frozen = false, withRun = true, head, children }) {
  const [selected, setSelected] = useState(open);
  const hold = useHold(rows, wanted, frozen);
  const now = useNow(1);
  const { shown, fresh, following } = hold;
  useEffect(() => {
    if (open && rows.length) hold.leave(); // an address that names a row shows it
  }, [open, rows.length > 0]);
  const step = (by) => {
    hold.leave();
    setSelected(stepFrom(shown, keyOf, selected, by));
  };
  const toggle = (key) => {
    if (key) hold.leave();
    onOpen(key);
  };
  useKeys("The trace", [
    ["j", "next row", () => step(1)],
    ["k", "row before", () => step(-1)],
    ["Enter", "open or close the row", () => selected && toggle(open === selected ? "" : selected)],
    ...(frozen ? [[" ", "pause, or go on", () => (following ? hold.leave(true) : hold.end())]] : []),
    ["G", "to the end, and follow it", hold.end],
    ["End", "to the end, and follow it", hold.end],
  ]);
  const pause = () => (following ? hold.leave(true) : hold.end());
  return html`<div class="trace-head">${head}
      ${frozen && html`<button type="button" aria-pressed=${!following} title="Space" onClick=${pause}>${following ? "Pause" : "Paused"}</button>`}</div>
    <div class="trace ${withRun ? "" : "plain"}">
    ${shown.length === 0 ? children : html`<${VirtualList} rows=${shown} keyOf=${keyOf} label=${label} role="treegrid" open=${open} selected=${selected}
      draw=${(row) => html`<${Cells} row=${row} now=${now} withRun=${withRun} onAgent=${onAgent} />`}
      detail=${(row) => html`<${TraceDetail} row=${row} withRun=${withRun} />`} look=${lookOf} attributes=${(row) => ({ "aria-level": 1, "aria-expanded": keyOf(row) === open })}
      onSelect=${(key) => { hold.leave(); setSelected(key); }} onOpen=${toggle}
      follow=${following} onLeave=${hold.leave} onEnd=${hold.reached} />`}
    <${News} fresh=${fresh} all=${fresh > 0 && fresh >= rows.length} following=${following} onEnd=${hold.end} />
  </div>`;
}

// How much is new, and the way back to it; said aloud now and then only.
function News({ fresh, all, following, onEnd }) {
  const [said, setSaid] = useState("");
  const latest = useRef(0);
  latest.current = fresh;
  useEffect(() => {
    const say = () => setSaid(latest.current ? `${count(latest.current)} new rows` : "");
    const timer = setInterval(say, 5000);
    return () => clearInterval(timer);
  }, []);
  return html`<span class="visually-hidden" aria-live="polite">${said}</span>
    ${!following && html`<button type="button" class="pill" onClick=${onEnd}>${fresh ? `${count(fresh)}${all ? "+" : ""} new` : "Paused"}
      <span aria-hidden="true">↓</span><span class="visually-hidden">, go to the end</span></button>`}`;
}

// What is shown, and what is new since somebody looked elsewhere.
function useHold(rows, wanted, frozen) {
  const [held, setHeld] = useState(null); // {rows, last, still}
  useEffect(() => {
    // folded anew, as a gap was filled: what is held is the same, with what was missing
    setHeld((before) => (before?.rows ? heldUntil(rows, before) : before));
  }, [rows]);
  const source = held?.rows || rows;
  const shown = wanted ? source.filter(wanted) : source;
  return {
    shown, following: !held, fresh: held ? freshOf(rows, held.last, wanted) : 0,
    leave: (still = false) => setHeld((before) => before || {
      rows: frozen ? rows.slice() : null, last: rows.at(-1)?.id ?? 0, still: still === true,
    }),
    end: () => setHeld(null),
    reached: () => setHeld((before) => (before?.still ? before : null)),
  };
}

function heldUntil(rows, { rows: before, still }) {
  const seq = before.at(-1)?.seq ?? 0;
  const until = rows.findLastIndex((row) => row.seq <= seq) + 1;
  return { rows: rows.slice(0, until), last: rows[until - 1]?.id ?? 0, still };
}

function freshOf(rows, last, wanted) {
  let fresh = 0;
  for (let at = rows.length - 1; at >= 0 && rows[at].id > last; at -= 1) {
    if (!wanted || wanted(rows[at])) fresh += 1;
  }
  return fresh;
}

function Cells({ row, now, withRun, onAgent }) {
  if (row.kind === "gap") return html`<${Gap} gap=${row.gap} />`;
  return html`
    <span role="gridcell" class="when mono">${clock(row.at)}</span>
    <span role="gridcell" class="who"><${Agent} name=${row.agent} onClick=${onAgent && (() => onAgent(row.agent))} /></span>
    ${withRun && html`<span role="gridcell" class="run mono">${row.run && html`<a href=${href("runs", row.run)} title=${row.run}>${short(row.run)}</a>`}</span>`}
    <span role="gridcell" class="what"><strong>${labelOf(row)}</strong> <span class="said">${wordsOf(row)}</span>
      ${row.kind === "text" && row.pieces > 1 && html` <span class="soft">(${count(row.pieces)})</span>`}
      ${row.kind === "approval" && !row.decided && html` <a href=${href("approvals")}>Answer it</a>`}</span>
    <span role="gridcell" class="took mono">${tookOf(row, now)}</span>`;
}

export function keyOf(row) {
  return row.kind === "gap" ? `gap-${row.seq}` : String(row.seq);
}

function lookOf(row) {
  return `${row.kind} ${toneOf(row)} ${row.open ? "unfinished" : ""} ${standsOut(row) ? "loud" : ""}`;
}

/** The end of an id: what differs between those of one start. */
export function short(id) {
  return `…${id.slice(id.lastIndexOf("-") + 1)}`;
}
