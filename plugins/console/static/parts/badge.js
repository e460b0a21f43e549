// The state of something, as a word with a colour: the colour never says it alone.

import { html } from "../lib/ui.js";

const TONES = {
  good: ["succeeded", "running", "live", "granted", "used", "ok", "idle", "loaded", "connected"],
  bad: ["failed", "dead", "stalled", "quarantined", "denied", "error", "crashed"],
  warn: ["cancelled", "waiting", "retrying", "requested", "expired", "degraded", "paused", "unknown", "stopped", "behind"],
};

export function toneOf(state) {
  return Object.keys(TONES).find((tone) => TONES[tone].includes(state)) || "plain";
}

export function Badge({ state, children }) {
  return html`<span class="badge ${toneOf(state)}">${children ?? state}</span>`;
}
