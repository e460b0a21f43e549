// The list of keys.

import { listed } from "../lib/keys.js";
import { html } from "../lib/ui.js";
import { Dialog } from "./dialog.js";

export function KeyList({ onClose }) {
  return html`<${Dialog} title="Keys" onClose=${onClose}>
    ${listed().reverse().map(({ title, keys }) => html`<section class="keys"><h3>${title}</h3>
      <dl>${keys.map(([key, label]) => html`<div><dt>${key.split(" ").map((one) => html`<kbd>${one}</kbd> `)}</dt><dd>${label}</dd></div>`)}</dl>
    </section>`)}
  <//>`;
}
