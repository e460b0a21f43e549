// The kernel's actors and agents: what waits for each, and what became of what it was sent.

import { count, plural } from "../lib/format.js";
import { setQuery } from "../lib/route.js";
import { html } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Pending } from "./failure.js";
import { Bar } from "./system-facts.js";

const SHOWN = 25;
const MOST = 500;

export function Actors({ own, all }) {
  const from = useApi("/v1/actors", { every: 3 });
  const rows = from.value ? sorted(from.value, own) : [];
  const shown = rows.slice(0, all ? MOST : SHOWN);
  const most = Math.max(1, ...shown.map((row) => row.pending));
  return html`<section class="column" aria-labelledby="actors">
    <h2 id="actors">Mailboxes</h2>
    ${!from.value && html`<${Pending} from=${from} />`}
    ${from.value && html`<div class="scroll" tabindex="0" role="region" aria-label="Mailboxes of actors"><table>
      <caption class="visually-hidden">Actors, those with the fullest mailboxes first</caption>
      <thead><tr><th scope="col">Actor</th><th scope="col">Waits</th><th scope="col" class="number">Sent</th><th scope="col" class="number">Handled</th>
        <th scope="col" class="number">Failed</th><th scope="col" class="number">Dead</th><th scope="col" class="number">Restarts</th><th scope="col">At</th></tr></thead>
      <tbody>${shown.map((row) => html`<${Row} key=${row.name} row=${row} most=${most} />`)}</tbody>
    </table></div>`}
    ${rows.length > SHOWN && html`<p><button onClick=${() => setQuery({ actors: all ? "" : "all" })}>${all ? "Show the fullest alone" : `Show all ${plural(rows.length, "actor")}`}</button></p>`}
  </section>`;
}

function Row({ row, most }) {
  return html`<tr><th scope="row"><code>${row.name}</code></th>
    <td class="waits"><${Bar} value=${row.pending} most=${most} /> ${count(row.pending)}</td>
    <td class="number">${count(row.sent)}</td><td class="number">${count(row.handled)}</td>
    <td class="number ${row.failed ? "failed" : ""}">${count(row.failed)}</td><td class="number">${count(row.dead_lettered)}</td>
    <td class="number">${count(row.restarts)}</td>
    <td class="soft nowrap">${row.current}</td></tr>`;
}

function sorted(balances, own) {
  const known = new Map(own.map((one) => [one.name, one]));
  return Object.entries(balances)
    .map(([name, counts]) => ({ name, ...counts, restarts: known.get(name)?.restarts ?? null, current: known.get(name)?.current }))
    .sort((one, other) => other.pending - one.pending || (one.name < other.name ? -1 : 1));
}
