// Dead letters: what found no reader or failed for good, and what is done about it.

import { focused, step } from "../lib/focus.js";
import { useKeys } from "../lib/keys.js";
import { go, setQuery } from "../lib/route.js";
import { html, useEffect, useMemo, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { may } from "../lib/session.js";
import { plural } from "../lib/format.js";
import { DeadList } from "../parts/dead-list.js";
import { chosen, KINDS } from "../lib/letters.js";
import { Letter } from "../parts/letter.js";
import { DeadAction } from "../parts/dead-action.js";
import { Empty, Pending } from "../parts/failure.js";

const EVENTS = ["message.", "task.failed", "task.outcome_unknown"];
const MOST = [200, 1000, 5000];

export function Dead({ parts, query }) {
  const most = MOST.includes(Number(query.most)) ? Number(query.most) : MOST[0];
  const from = useApi(`/v1/dead?limit=${most}${query.all ? "&all=true" : ""}`, { on: EVENTS, every: 30 });
  const shown = useMemo(() => chosen(from.value ?? [], query), [from.value, query.kind, query.text]);
  const [marked, setMarked] = useMarked(from.value);
  const [action, setAction] = useState(null);
  const ids = marked.size ? shown.filter((one) => marked.has(one.id)).map((one) => one.id) : [];
  const ask = (verb) => (given) => may("operator") && given.length && setAction({ verb, ids: given });
  const current = () => focused("[data-letter]")?.dataset.letter ?? parts[0];
  const over = (verb) => () => ask(verb)(ids.length ? ids : [current()].filter(Boolean));
  useKeys("Dead letters", [
    ["j", "next letter", () => step("[data-letter] a", 1)],
    ["k", "letter before", () => step("[data-letter] a", -1)],
    ["x", "mark or unmark", () => focused("[data-letter]")?.querySelector("input")?.click()],
    ["r", "redrive the marked ones, or this one", over("redrive")],
    ["p", "purge the marked ones, or this one", over("purge")],
  ]);
  return html`
    <div class="page-head"><h1>Dead letters</h1><${Tools} query=${query} ids=${ids} ask=${ask} /></div>
    <${Pending} from=${{ error: from.error, loading: from.loading && !from.value }} />
    ${from.value && html`<div class=${parts[0] ? "dead split" : "dead"}>
      <section class="column" aria-label="List">
        <p class="soft" role="status">${plural(shown.length, "letter")}${from.value.length > shown.length ? ` of ${from.value.length}` : ""}</p>
        ${shown.length > 0
          ? html`<${DeadList} letters=${shown} open=${parts[0]} query=${query} marked=${marked} onMark=${setMarked} />`
          : html`<${Nothing} some=${from.value.length > 0} />`}
        ${from.value.length === most && most < MOST.at(-1) && html`<p><button onClick=${() => setQuery({ most: MOST[MOST.indexOf(most) + 1] })}>Show older ones</button></p>`}
      </section>
      ${parts[0] && html`<${Letter} key=${parts[0]} id=${parts[0]} ask=${ask} onClose=${() => go("dead", query)} />`}
    </div>`}
    ${action && html`<${DeadAction} ...${action} onDone=${() => setMarked(new Set())} onClose=${() => setAction(null)} />`}`;
}

function Tools({ query, ids, ask }) {
  const why = may("operator") ? "" : "This takes the role operator.";
  return html`<div class="toolbar">
    <label class="inline">Kind <select value=${query.kind ?? ""} onChange=${(event) => setQuery({ kind: event.target.value })}>
      <option value="">all</option>${KINDS.map((one) => html`<option value=${one}>${one}s</option>`)}</select></label>
    <label class="inline">Filter <input type="search" size="14" value=${query.text ?? ""} placeholder="text" onInput=${(event) => setQuery({ text: event.target.value })} /></label>
    <label class="check"><input type="checkbox" checked=${Boolean(query.all)} onChange=${(event) => setQuery({ all: event.target.checked ? "yes" : "" })} /> dealt with, too</label>
    <button disabled=${!ids.length || why} title=${why} onClick=${() => ask("redrive")(ids)}>Redrive${ids.length ? ` ${ids.length}` : ""}…</button>
    <button class="danger" disabled=${!ids.length || why} title=${why} onClick=${() => ask("purge")(ids)}>Purge${ids.length ? ` ${ids.length}` : ""}…</button>
  </div>`;
}

function Nothing({ some }) {
  if (some) return html`<${Empty} title="None is like that"><p>Change the filter to see others.</p><//>`;
  return html`<${Empty} title="No dead letters">
    <p>A message that found no reader comes here, and a task that failed for good.</p>
    <p>From a shell: <code>retinue dead list</code>.</p><//>`;
}

// What is marked and went off the list is no longer marked.
function useMarked(letters) {
  const [marked, setMarked] = useState(new Set());
  useEffect(() => {
    const there = new Set(letters?.filter((one) => !one.dealt).map((one) => one.id));
    setMarked((before) => ([...before].every((id) => there.has(id)) ? before : new Set([...before].filter((id) => there.has(id)))));
  }, [letters]);
  return [marked, setMarked];
}
