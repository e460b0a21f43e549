// A plugin's tools: what each takes and does, and calls of them.

import { pretty } from "../lib/format.js";
import { setQuery } from "../lib/route.js";
import { may } from "../lib/session.js";
import { html } from "../lib/ui.js";
import { Empty } from "./failure.js";
import { ToolCall } from "./tool-call.js";

const EFFECTS = {
  none: "changes nothing", idempotent: "may be done twice", once: "must not be done twice",
};

/** `chosen` is the name of the tool that is open, as the address has it. */
export function Tools({ plugin, chosen }) {
  const tools = Object.entries(plugin.tools);
  if (!tools.length) return html`<${Empty} title="It has no tools"><p>They come with its code: a function with <code>@tool</code>.</p><//>`;
  return tools.map(([name, about]) => html`<${Tool} key=${name} name=${name} about=${about} open=${name === chosen || tools.length === 1} />`);
}

function Tool({ name, about, open }) {
  const toggled = (event) => {
    if (event.target.open && !open) setQuery({ tool: name });
  };
  return html`<section class="card tool"><h2><code>${name}</code></h2>
    <p>${about.description}</p>
    <dl class="facts">
      <dt>Effect</dt><dd>${about.effect}${EFFECTS[about.effect] && html` <span class="soft">(${EFFECTS[about.effect]})</span>`}</dd>
      <dt>Passes</dt><dd>${(about.pipeline || []).map((one, index) => html`${index > 0 && html` <span class="soft">→</span> `}<code>${one}</code>`)}</dd>
    </dl>
    <details open=${open} onToggle=${toggled}><summary>Call it<span class="visually-hidden">: ${name}</span></summary>
      ${may("operator") ? html`<${ToolCall} name=${name} schema=${about.schema} />` : html`<p class="soft">This takes the role operator.</p>`}</details>
    <details><summary>Schema<span class="visually-hidden"> of ${name}</span></summary><pre tabindex="0" aria-label="Schema of ${name}">${pretty(about.schema)}</pre></details>
  </section>`;
}
