// What a run is, how it stands, and what can be done about it.

import { clock, duration } from "../lib/format.js";
import { useKeys } from "../lib/keys.js";
import { href, setQuery } from "../lib/route.js";
import { html, useState } from "../lib/ui.js";
import { Agent } from "./agent.js";
import { Badge } from "./badge.js";
import { CancelRun, ForkRun, RetryRun } from "./run-actions.js";
import { Result } from "./run-detail.js";
import { Why } from "./why.js";

const LIVE = ["task.", "run.", "tool.", "llm.", "approval."];

export function RunHead({ id, replay, over, atEnd, now, query, allowed }) {
  const { run } = replay;
  const [dialog, setDialog] = useState("");
  const root = run.tasks.get(run.root);
  const close = () => setDialog("");
  const why = query.why === "1";
  const toggleWhy = () => setQuery({ why: why ? null : "1" });
  useKeys("Of the run", [
    ["w", "why it is as it is", toggleWhy],
    ...(allowed && !over ? [["c", "cancel", () => setDialog("cancel")]] : []),
    ...(allowed && over ? [["r", "run it again", () => setDialog("retry")]] : []),
    ...(allowed ? [["f", "fork", () => setDialog("fork")]] : []),
  ]);
  const denied = allowed ? null : "This takes the role operator";
  return html`<section class="run-head">
    <div class="page-head"><h1>Run <span class="mono">${id}</span></h1>
      <button type="button" aria-pressed=${why} title="w" onClick=${toggleWhy}>Why?</button>
      ${!over && html`<button type="button" class="danger" disabled=${!allowed} title=${denied || "c"} onClick=${() => setDialog("cancel")}>Cancel</button>`}
      ${over && html`<button type="button" disabled=${!allowed} title=${denied || "r"} onClick=${() => setDialog("retry")}>Retry</button>`}
      <button type="button" disabled=${!allowed} title=${denied || "f"} onClick=${() => setDialog("fork")}>Fork</button>
    </div>
    <p class="standing"><${Badge} state=${run.state}>${run.state.replace("_", " ")}<//>
      ${!atEnd && html`<strong>as it was then</strong>`}
      <${Agent} name=${root?.agent} />
      <span>${duration(Math.max(0, (run.ended ?? now) - (run.started ?? replay.began)) / 1000)}</span>
      <span class="soft">since ${clock(run.started ?? replay.began, { date: true, fraction: false })}</span>
      ${run.source && html`<span>goes on from <a href=${href("runs", run.source, { at: run.sourceAt })}>${run.source}</a> at ${run.sourceAt}</span>`}
      <a href=${href("now", { run: id })}>In the trace of all</a></p>
    ${why && html`<section class="card" aria-label="Why"><${Why} id=${id} on=${over ? [] : LIVE} /></section>`}
    <${Outcome} run=${run} root=${root} />
    ${dialog === "cancel" && html`<${CancelRun} id=${id} onClose=${close} />`}
    ${dialog === "retry" && html`<${RetryRun} id=${id} onClose=${close} />`}
    ${dialog === "fork" && html`<${ForkRun} id=${id} at=${atEnd ? 0 : run.last} last=${replay.events.at(-1).seq} root=${root} onClose=${close} />`}
  </section>`;
}

function Outcome({ run, root }) {
  const [isRoomy] = useState(() => matchMedia("(min-width: 700px) and (min-height: 600px)").matches);
  if (!root || root.ended == null) return null;
  if (root.state === "succeeded") return html`<details class="run-outcome" open=${isRoomy}><summary>Result</summary><${Result} task=${root} /></details>`;
  return html`<div class="notice ${root.state === "failed" ? "bad" : "warn"}"><p>${root.error || run.reason}</p></div>`;
}
