// What `retinue doctor` finds, of the running kernel.

import { clock } from "../lib/format.js";
import { html } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Badge } from "./badge.js";
import { Pending } from "./failure.js";

const ORDER = ["fail", "note", "ok"];
const WORDS = { fail: "failed", note: "degraded", ok: "ok" };

export function Doctor() {
  const from = useApi("/v1/doctor", { every: 60 });
  const told = from.value;
  const sorted = [...(told?.findings ?? [])].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
  return html`<section class="column" aria-labelledby="doctor">
    <div class="page-head"><h2 id="doctor">Doctor</h2>
      ${told && html`<span class="soft">looked at ${clock(told.at * 1000, { fraction: false })}; <code>retinue doctor</code> says the same</span>`}</div>
    ${!told && html`<${Pending} from=${from} />`}
    <ul class="findings">${sorted.map((one) => html`<li><${Badge} state=${WORDS[one.state]}>${one.state}<//>
      <strong>${one.check}</strong> <span class="found">${one.found}${one.remedy && html`<br /><span class="soft">→ ${one.remedy}</span>`}</span></li>`)}</ul>
  </section>`;
}
