// An agent's name, in the colour that it has everywhere.

import { html } from "../lib/ui.js";

export function Agent({ name, onClick }) {
  if (!name) return null;
  const hue = { "--hue": hueOf(name) };
  if (onClick) return html`<button type="button" class="agent" style=${hue} title="Only ${name}" onClick=${onClick}>${name}</button>`;
  return html`<span class="agent" style=${hue}>${name}</span>`;
}

// FNV-1a, spread by the golden angle.
function hueOf(name) {
  let hash = 2166136261;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0), 16777619) >>> 0;
  return Math.round((hash % 1000) * 137.508) % 360;
}
