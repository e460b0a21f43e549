import { html } from "../lib/ui.js";

export function Agents() {
  return html`<h1>Agents</h1>`;
}
