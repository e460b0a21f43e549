import { html } from "../lib/ui.js";

export function Approvals() {
  return html`<h1>Approvals</h1>`;
}
