// One call that waits for somebody's word: what, for whom, by which rule, and for how long still.

import { clock, duration, pretty } from "../lib/format.js";
import { href } from "../lib/route.js";
import { may, me } from "../lib/session.js";
import { useSignal } from "../lib/signal.js";
import { html, useId } from "../lib/ui.js";
import { useNow } from "../lib/use.js";

const SOON = 60; // seconds
const OPERATOR = "operator";

export function Request({ approval, onAnswer }) {
  const id = useId();
  const who = useSignal(me);
  const why = whyNot(approval, who);
  const answer = (verb) => () => onAnswer({ approval, verb });
  return html`<li class="card request" tabindex="-1" aria-labelledby=${id}>
    <header><h3 id=${id}><span class="soft">${approval.action}</span> <code>${approval.resource}</code></h3>
      <${Left} until=${approval.expires} /></header>
    <dl class="facts">
      <dt>For</dt><dd><${Chain} principals=${approval.principals} /></dd>
      <dt>Rule</dt><dd><code>${approval.rule}</code></dd>
      <dt>May answer</dt><dd>${approval.who.join(" or ")}</dd>
      <dt>Asked</dt><dd>${clock(approval.requested * 1000, { date: true, fraction: false })}</dd>
      ${approval.run && html`<dt>Run</dt><dd><a href=${href("runs", approval.run)}>${approval.run}</a>, task <code>${approval.task}</code></dd>`}
    </dl>
    <pre class="args" tabindex="0" aria-label="Arguments">${pretty(approval.args)}</pre>
    <div class="toolbar">
      <button class="primary" data-verb="grant" disabled=${why} title=${why} onClick=${answer("grant")}>Grant…</button>
      <button class="danger" data-verb="deny" disabled=${why} title=${why} onClick=${answer("deny")}>Deny…</button>
      ${why && html`<span class="soft">${why}</span>`}
    </div>
  </li>`;
}

/** Everyone on whose behalf a call is made, the nearest first. */
export function Chain({ principals }) {
  return principals.map((one, at) => html`${at > 0 && html`<span class="soft" aria-label="for"> ← </span>`}<code>${one}</code>`);
}

function Left({ until }) {
  const left = until - useNow(1) / 1000;
  if (left <= 0) return html`<span class="badge warn">its time is over</span>`;
  return html`<span class="badge ${left < SOON ? "bad" : "plain"}" role="timer">${duration(Math.ceil(left))} left</span>`;
}

function whyNot({ who }, told) {
  if (!may(OPERATOR)) return "Answering takes the role operator.";
  if (!who.includes(OPERATOR) && !who.includes(told?.name)) return `Only ${who.join(" or ")} may answer.`;
  return "";
}
