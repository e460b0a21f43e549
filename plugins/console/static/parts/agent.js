// An agent's name, in the colour that it has everywhere.

import { html } from "../lib/ui.js";

export function Agent({ name, onClick }) {
  if (!name) return null;
  const hue = { "--hue": hueOf(name) };
  if (onClick) return html`<button type="button" class="agent" style=${hue} title="Only ${name}" onClick=${onClick}>${name}</button>`;
  return html`<span class="agent" style=${hue}>${name}</span>`;
}

function hueOf(name) {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return (hash * 137) % 360;
}
