// What was asked for before, and what was said: the journal has it, also of runs that are over.

import { withQuery } from "../lib/api.js";
import { history, STATES } from "../lib/approvals.js";
import { brief, clock, count } from "../lib/format.js";
import { href, setQuery } from "../lib/route.js";
import { asEvent } from "../lib/stream.js";
import { html, useMemo } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Badge } from "./badge.js";
import { Empty, Pending } from "./failure.js";
import { Chain } from "./request.js";

const HOUR = 3600;
const SPANS = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR, all: 0 };
const EVENTS = 10_000;
const SHOWN = 300;

export function History({ query }) {
  const state = STATES.includes(query.state) ? query.state : "";
  const span = query.span in SPANS ? query.span : "day";
  const since = useMemo(() => (SPANS[span] ? Math.floor(Date.now() / 1000 - SPANS[span]) : null), [span]);
  const from = useApi(withQuery("/v1/journal/events", { type: "approval.*", since, limit: EVENTS }), { on: ["approval."] });
  const answered = useMemo(() => history((from.value?.events ?? []).map(asEvent)).filter((one) => one.state !== "requested"), [from.value]);
  const shown = answered.filter((one) => !state || one.state === state);
  return html`
    <div class="page-head"><h2 id="answered">History</h2>
      <label class="inline">State <select value=${state} onChange=${(event) => setQuery({ state: event.target.value })}>
        <option value="">all</option>${STATES.map((one) => html`<option value=${one}>${one}</option>`)}</select></label>
      <label class="inline">Since <select value=${span} onChange=${(event) => setQuery({ span: event.target.value })}>
        ${Object.keys(SPANS).map((one) => html`<option value=${one}>${one === "all" ? "the beginning" : `an ${one}`.replace(/an (?=[dw])/, "a ")}</option>`)}</select></label>
    </div>
    <${Pending} from=${{ error: from.error, loading: from.loading && !from.value }} />
    ${from.value && (shown.length ? html`<${Table} shown=${shown.slice(0, SHOWN)} />` : html`<${None} state=${state} />`)}
    ${(shown.length > SHOWN || from.value?.next) && html`<p class="soft">Not all are shown (${count(Math.min(shown.length, SHOWN))}): look at a shorter time, or at <code>retinue log --type 'approval.*'</code>.</p>`}`;
}

function None({ state }) {
  return html`<${Empty} title=${state ? `None was ${state} in this time` : "None was answered in this time"}>
    <p>What was granted, denied or ran out of time is listed here.</p><//>`;
}

function Table({ shown }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Answered calls"><table>
    <caption class="visually-hidden">Approvals that were answered, newest first</caption>
    <thead><tr>${["State", "What", "For", "Answer", "When", "Run"].map((one) => html`<th scope="col">${one}</th>`)}</tr></thead>
    <tbody>${shown.map((one) => html`<${Row} key=${one.id} one=${one} />`)}</tbody>
  </table></div>`;
}

function Row({ one }) {
  return html`<tr>
    <td><${Badge} state=${one.state} /></td>
    <td>${one.action} <code>${one.resource}</code> <span class="soft">${brief(one.args, 120)}</span></td>
    <td><${Chain} principals=${one.principals} /> <span class="soft">by rule ${one.rule}</span></td>
    <td>${one.by || "nobody"}${one.reason && html`: ${brief(one.reason, 200)}`}</td>
    <td class="nowrap">${clock(one.decided * 1000, { date: true, fraction: false })}</td>
    <td><a href=${href("runs", one.run)}>${one.run}</a></td>
  </tr>`;
}
