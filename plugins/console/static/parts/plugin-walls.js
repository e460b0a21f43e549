// How a plugin is walled in, and what it may beyond computing.

import { html } from "../lib/ui.js";

/** The level that was seen to stand, not the one that was asked for. */
export function Level({ plugin }) {
  if (plugin.source === "system" || plugin.source === "program") return html`in the kernel's own process`;
  if (!plugin.level) return html`<span class="soft">not now</span>`;
  return html`behind the level <strong>${plugin.level}</strong>`;
}

export function Layers({ layers }) {
  if (!layers.length) return html`<span class="soft">none</span>`;
  return html`<ul class="plain words">${layers.map((layer) => html`<li key=${layer}><code>${layer}</code></li>`)}</ul>`;
}

/** Things in words; `none` is said instead of an empty list. */
export function Words({ lines, none }) {
  if (!lines.length) return html`<p class="soft">${none}</p>`;
  return html`<ul class="permissions">${lines.map((line) => html`<li key=${line}>${line}</li>`)}</ul>`;
}
