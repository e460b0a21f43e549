import { html } from "../lib/ui.js";

export function Dead() {
  return html`<h1>Dead</h1>`;
}
