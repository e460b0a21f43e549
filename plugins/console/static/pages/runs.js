import { html } from "../lib/ui.js";

export function Runs() {
  return html`<h1>Runs</h1>`;
}
