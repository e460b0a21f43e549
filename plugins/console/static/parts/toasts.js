// Short words on what was done, or was not; read out by screen readers.

import { Signal, useSignal } from "../lib/signal.js";
import { html } from "../lib/ui.js";

const SECONDS = 6;
const toasts = new Signal([]);
let made = 0;

/** Say something; `bad` stays until it is dismissed. */
export function toast(text, { bad = false } = {}) {
  const one = { text, bad, id: (made += 1) };
  toasts.value = [...toasts.value.slice(-4), one];
  if (!bad) setTimeout(() => dismiss(one), SECONDS * 1000);
}

export function Toasts() {
  const shown = useSignal(toasts);
  return html`<div class="toasts" aria-live="polite" role="log" aria-label="Notices">
    ${shown.map((one) => html`<p key=${one.id} class="toast ${one.bad ? "bad" : ""}">${one.text}
      <button class="quiet" aria-label="Dismiss" onClick=${() => dismiss(one)}>×</button></p>`)}
  </div>`;
}

function dismiss(one) {
  toasts.value = toasts.value.filter((other) => other !== one);
}
