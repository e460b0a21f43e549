// How long ago something was, or how long it has been going on; counts up.

import { clock, duration } from "../lib/format.js";
import { html } from "../lib/ui.js";
import { useNow } from "../lib/use.js";

/** `since` in seconds since the epoch; `suffix` such as " ago". */
export function Age({ since, suffix = "" }) {
  const now = useNow(1);
  if (!since) return null;
  const seconds = Math.max(0, Math.floor(now / 1000 - since));
  const words = seconds < 10 ? `${seconds} s` : duration(seconds);
  const told = { datetime: new Date(since * 1000).toISOString(), title: clock(since * 1000, { date: true }) };
  return html`<time ...${told}>${seconds < 1 ? "just now" : words + suffix}</time>`;
}
