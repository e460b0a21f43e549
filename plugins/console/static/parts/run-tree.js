// A run as a tree: who asked whom, and what each one called.

import { brief, duration } from "../lib/format.js";
import { useKeys } from "../lib/keys.js";
import { waitingFor } from "../lib/run.js";
import { treeRows } from "../lib/tree.js";
import { html, useState } from "../lib/ui.js";
import { Agent } from "./agent.js";
import { Badge } from "./badge.js";
import { CallDetail, TaskDetail } from "./run-detail.js";
import { stepFrom, VirtualList } from "./virtual.js";

const keyOf = (row) => row.key;

/** `{turn, list}`: what a `VirtualList` of the run's rows is given, and what shuts or opens one. */
export function useTree(run, open, onOpen) {
  const [shut, setShut] = useState(() => new Set());
  const [selected, setSelected] = useState(open);
  const rows = treeRows(run, shut);
  const turn = (key, closes) => setShut((before) => {
    const after = new Set(before);
    if (closes ?? !before.has(key)) after.add(key);
    else after.delete(key);
    return after;
  });
  const chosen = rows.find((row) => row.key === selected);
  const fold = (closes) => {
    if (chosen?.kids && chosen.shut !== closes) turn(chosen.key, closes);
    else if (closes && chosen) setSelected(chosen.call ? chosen.task.id : chosen.task.parent || chosen.key);
  };
  useKeys("Tree and timeline", [
    ["j", "next row", () => setSelected(stepFrom(rows, keyOf, selected, 1))],
    ["k", "row before", () => setSelected(stepFrom(rows, keyOf, selected, -1))],
    ["Enter", "open or close the row", () => selected && onOpen(open === selected ? "" : selected)],
    ["h", "hide what is under the task, or go up", () => fold(true)],
    ["l", "show what is under the task", () => fold(false)],
  ]);
  const attributes = (row) => ({ "aria-level": row.depth, "aria-expanded": row.kids ? !row.shut : null });
  return { turn, list: { rows, keyOf, role: "treegrid", selected, open, onSelect: setSelected, onOpen, onFold: fold, attributes } };
}

export function RunTree({ run, now, open, onOpen }) {
  const tree = useTree(run, open, onOpen);
  return html`<div class="tree"><${VirtualList} ...${tree.list} label="Tasks and calls of the run" look=${(row) => row.kind}
    draw=${(row) => html`<${Cells} row=${row} run=${run} now=${now} onTurn=${tree.turn} />`}
    detail=${(row) => (row.call ? html`<${CallDetail} call=${row.call} />` : html`<${TaskDetail} task=${row.task} run=${run} />`)} /></div>`;
}

function Cells({ row, run, now, onTurn }) {
  const { task, call } = row;
  return html`
    <span role="gridcell" class="name" style=${{ paddingLeft: `${Math.min(12, row.depth - 1) * 1.1}rem` }}><${Name} row=${row} onTurn=${onTurn} /></span>
    <span role="gridcell" class="state">${call ? html`<${Badge} state=${stateOf(call)} />` : html`<${Badge} state=${task.state}>${task.state.replace("_", " ")}<//>`}</span>
    <span role="gridcell" class="took mono">${call ? took(call.began, call.ended, now, call.seconds) : took(task.submitted, task.ended, now)}</span>
    <span role="gridcell" class="what soft">${call ? callWords(call) : html`<${TaskWords} task=${task} run=${run} />`}</span>`;
}

export function Name({ row, onTurn }) {
  if (row.call) {
    return html`<span class="mark" aria-hidden="true"></span><span class="call-name">${row.call.name}</span>
      ${row.kind === "model" && html` <span class="soft">model</span>`}`;
  }
  const turn = row.kids > 0
    ? html`<button type="button" class="mark" tabindex="-1" aria-label=${row.shut ? "Show what is under it" : "Hide what is under it"} onClick=${() => onTurn(row.key)}>${row.shut ? "▸" : "▾"}</button>`
    : html`<span class="mark" aria-hidden="true"></span>`;
  return html`${turn}<${Agent} name=${row.task.agent} />`;
}

function TaskWords({ task, run }) {
  if (task.error) return html`<span class="error">${task.error}</span>`;
  if (task.ended != null) return task.result == null ? "" : brief(task.result);
  const tries = task.attempts.length > 1 ? `attempt ${task.attempts.at(-1).number} of ${Math.max(task.allowed, task.attempts.at(-1).number)}, ` : "";
  return `${tries}waits for ${waitingFor(task, run)}${task.stalled ? " (stalled)" : ""}`;
}

function callWords(call) {
  const given = call.args === undefined ? "" : brief(call.args, 120);
  const came = call.error || (call.result == null ? call.note : brief(call.result, 160));
  return [given, came].filter(Boolean).join(" → ");
}

export function stateOf(call) {
  if (call.ended == null) return "running";
  return { good: "ok", bad: "failed", warn: "unknown" }[call.tone];
}

export function took(began, ended, now, seconds = null) {
  return duration(seconds ?? Math.max(0, (ended ?? now) - began) / 1000);
}
