// The keyboard: what it does everywhere, and on the page that is shown.

import { useLayoutEffect, useRef } from "./ui.js";

const scopes = [];
let first = ""; // of a sequence such as "g n"
let timer = 0;

/**
 * While a component is there: `useKeys("Runs", [["j", "next run", next], ["g n", "Now", goNow]])`.
 * They rest while somebody types or a dialog is open.
 */
export function useKeys(title, bindings) {
  const scope = useRef({});
  Object.assign(scope.current, { title, bindings });
  useLayoutEffect(() => { // before it is seen: a key may follow at once
    const own = scope.current;
    scopes.push(own);
    return () => scopes.splice(scopes.indexOf(own), 1);
  }, []);
}

/** `[{title, keys: [[keys, label]]}]`, for the list that `?` shows. */
export function listed() {
  return scopes.map(({ title, bindings }) => ({ title, keys: bindings.map(([keys, label]) => [keys, label]) }));
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTaken(event)) return;
  const pressed = first ? `${first} ${event.key}` : event.key;
  const bindings = scopes.flatMap((scope) => scope.bindings).reverse();
  const found = bindings.find(([keys]) => keys === pressed) || bindings.find(([keys]) => keys === event.key);
  clearTimeout(timer);
  first = "";
  if (found) {
    event.preventDefault();
    found[2](event);
  } else if (bindings.some(([keys]) => keys.startsWith(`${event.key} `))) {
    first = event.key;
    timer = setTimeout(() => (first = ""), 1500);
  }
});

// What is focused has a use of its own for the key: it is typed into, or pressed by it.
function isTaken({ target, key }) {
  if (target.closest?.("textarea, select, [contenteditable], dialog[open], input:not([type=checkbox], [type=radio], [type=range])")) return true;
  if (key === "Enter" || key === " ") return Boolean(target.closest?.("a, button, summary, input"));
  return key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(key) ? Boolean(target.closest?.("input")) : false;
}
