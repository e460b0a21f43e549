// Moving through a list by keys: the focus goes to the next of its entries.

/** The entry that the focus is on or in, of those that the selector names; null when it is elsewhere. */
export function focused(selector) {
  return document.activeElement?.closest(selector) ?? null;
}

/** Focus the entry `by` after the focused one; the first when none is. */
export function step(selector, by) {
  const entries = [...document.querySelectorAll(selector)];
  const at = entries.indexOf(focused(selector));
  const next = at < 0 ? 0 : Math.min(entries.length - 1, Math.max(0, at + by));
  entries[next]?.focus();
  entries[next]?.scrollIntoView({ block: "nearest" });
}
