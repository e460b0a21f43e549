import { html } from "../lib/ui.js";

export function System() {
  return html`<h1>System</h1>`;
}
