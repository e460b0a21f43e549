// What a plugin asks for, before anything of it runs.

import { html, useEffect, useRef } from "../lib/ui.js";
import { useAction } from "../lib/use.js";
import { Failure } from "./failure.js";
import { Words } from "./plugin-walls.js";

const WEAK = {
  limits: "nothing stands around it but bounds of memory and time.",
  baseline: "fewer walls than usual stand around it.",
};

/** `onLoad()` loads just this content; it may fail, and the question stays. */
export function Proposal({ proposal, onLoad, onBack }) {
  const [run, busy, error] = useAction();
  const form = useRef(null);
  const { asks, wider, refused, granted, before, level } = proposal;
  const submit = (event) => {
    event.preventDefault();
    run(onLoad);
  };
  // not the button: a second Enter on what led here must not approve
  useEffect(() => form.current.focus(), []);
  return html`<form class="proposal" ref=${form} tabindex="-1" aria-label="What it asks for" onSubmit=${submit}>
    ${proposal.description && html`<p>${proposal.description}</p>`}
    ${WEAK[level] && html`<p class="notice warn">It runs at the level <strong>${level}</strong>: ${WEAK[level]}</p>`}
    <dl class="facts">
      <dt>Version</dt><dd>${proposal.version}${before && before !== proposal.version && html` <span class="soft">in the place of ${before}</span>`}</dd>
      <dt>Runtime</dt><dd>${proposal.runtime}</dd>
      <dt>Level</dt><dd>${level}</dd>
      <dt>Content</dt><dd><code class="digest">${proposal.digest}</code></dd>
    </dl>
    <h3>It asks to</h3>
    <${Asks} asks=${asks} wider=${before ? wider : []} />
    ${refused.length > 0 && html`<h3>It asks for more than plugins are allowed, and would run without</h3>
      <${Words} lines=${refused} />`}
    <p class="soft">${granted ? "This very content was approved before." : "What you approve holds for this content alone."}</p>
    <${Failure} error=${error} />
    <footer><button type="button" onClick=${onBack}>Back</button>
      <button class="primary" disabled=${busy}>${busy ? "Loading…" : granted ? "Load it" : "Approve and load"}</button></footer>
  </form>`;
}

function Asks({ asks, wider }) {
  if (!asks.length) return html`<p class="soft">nothing beyond computing</p>`;
  return html`<ul class="permissions">${asks.map((line) => html`<li key=${line}>${line}${wider.includes(line) && html` <span class="badge warn">new</span>`}</li>`)}</ul>`;
}
