// The rules that hold, by name.

import { duration, plural } from "../lib/format.js";
import { html } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Badge } from "./badge.js";
import { Pending } from "./failure.js";

export function PolicyFacts() {
  const from = useApi("/v1/policy", { on: ["kernel.started"] });
  const told = from.value;
  return html`<section class="card">
    <header class="card-head"><h2>Policy</h2>${told && html`<${Badge} state=${told.state === "on" ? "ok" : "off"}>${told.state}<//>`}</header>
    ${!told && html`<${Pending} from=${from} />`}
    ${told?.state === "off" && html`<p class="soft">What agents were given, and plugins granted, decides alone: no <code>policy.file</code> is named.</p>`}
    ${told?.state === "on" && html`<p class="soft">${plural(told.rules.length, "rule")}, version <code>${told.version}</code></p>
      <ul class="rules">${told.rules.map((rule) => html`<li><code>${rule.name}</code> <span class="soft">${words(rule)}</span></li>`)}</ul>`}
  </section>`;
}

function words({ effect, who, seconds }) {
  return who.length ? `asks ${who.join(" or ")}, for ${duration(seconds)}` : effect;
}
