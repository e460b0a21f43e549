import { html } from "../lib/ui.js";

export function Run() {
  return html`<h1>Run</h1>`;
}
