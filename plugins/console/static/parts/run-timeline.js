// A run over time: a bar for each step.

import { duration } from "../lib/format.js";
import { barsOf, ticks } from "../lib/timeline.js";
import { html } from "../lib/ui.js";
import { CallDetail, TaskDetail } from "./run-detail.js";
import { Name, took, useTree } from "./run-tree.js";
import { VirtualList } from "./virtual.js";

/** `extent` is `{from, to}` in ms, `now` the moment that is shown; `cursor` says whether to mark it. */
export function RunTimeline({ run, extent, now, cursor, open, onOpen }) {
  const tree = useTree(run, open, onOpen);
  const scale = ticks(extent);
  const whole = extent.to - extent.from;
  const lines = html`<div class="lines" aria-hidden="true">${scale.map((at) => html`<i style=${{ left: percent(at / whole) }}></i>`)}
    ${cursor && html`<i class="cursor" style=${{ left: percent(Math.min(1, Math.max(0, (now - extent.from) / whole))) }}></i>`}</div>`;
  return html`<div class="timeline">
    <div class="axis" aria-hidden="true"><div class="scale">${scale.map((at) => html`<span style=${{ left: percent(at / whole) }}>${duration(at / 1000)}</span>`)}</div></div>
    <${VirtualList} ...${tree.list} label="Steps of the run over time" look=${(row) => row.kind} overlay=${lines}
      draw=${(row) => html`<${Cells} row=${row} extent=${extent} now=${now} onTurn=${tree.turn} />`}
      detail=${(row) => (row.call ? html`<${CallDetail} call=${row.call} />` : html`<${TaskDetail} task=${row.task} run=${run} />`)} />
    <p class="legend soft"><span class="bar waits"></span> waits
      <span class="bar open plain"></span> goes on <span class="bar done good"></span> went well
      <span class="bar done bad"></span> failed <span class="bar done warn"></span> cancelled or unknown <span class="retry">↻</span> tried again</p>
  </div>`;
}

function Cells({ row, extent, now, onTurn }) {
  const { bars, marks } = barsOf(row, { ...extent, now });
  return html`
    <span role="gridcell" class="name" style=${{ paddingLeft: `${Math.min(6, row.depth - 1) * 0.8}rem` }}><${Name} row=${row} onTurn=${onTurn} /></span>
    <span role="gridcell" class="track"><span class="visually-hidden">${bars.map((bar) => words(bar, now)).join("; ")}</span>
      ${bars.map((bar) => html`<i class="bar ${bar.look} ${bar.tone}" style=${{ left: percent(bar.left), width: percent(bar.width) }} title=${words(bar, now)}></i>`)}
      ${marks.map((mark) => html`<i class="retry" style=${{ left: percent(mark.left) }} title=${mark.title}>↻</i>`)}</span>
    <span role="gridcell" class="took mono">${row.call ? took(row.call.began, row.call.ended, now, row.call.seconds) : took(row.task.submitted, row.task.ended, now)}</span>`;
}

function words(bar, now) {
  return `${bar.title}: ${duration(Math.max(0, (bar.to ?? now) - bar.from) / 1000)}`;
}

function percent(part) {
  return `${(part * 100).toFixed(3)}%`;
}
