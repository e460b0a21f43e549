import { html } from "../lib/ui.js";

export function Plugins() {
  return html`<h1>Plugins</h1>`;
}
