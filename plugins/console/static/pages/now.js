import { html } from "../lib/ui.js";

export function Now() {
  return html`<h1>Now</h1>`;
}
