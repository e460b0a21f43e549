// The address holds what is shown: `#/runs/r-1?view=tree`.

import { Signal } from "./signal.js";

/** `{parts: ["runs", "r-1"], query: {view: "tree"}}`. */
export const route = new Signal(read());

addEventListener("hashchange", () => {
  route.value = read();
});

/** The address of a page: `href("runs", id)`, `href("now", {agent: "writer"})`. */
export function href(...given) {
  const query = typeof given.at(-1) === "object" ? given.pop() : {};
  const path = given.map(encodeURIComponent).join("/");
  const told = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value != null));
  return `#/${path}${told.size ? `?${told}` : ""}`;
}

export function go(...given) {
  location.hash = href(...given);
}

/** Change the query; what is "" or null goes. The way back skips it. */
export function setQuery(changes) {
  const { parts, query } = route.value;
  history.replaceState(null, "", href(...parts, { ...query, ...changes }));
  route.value = read();
}

function read() {
  if (location.hash.startsWith("#ticket=")) return { parts: [], query: {} }; // redeemed, it goes into no address
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decode);
  return { parts, query: Object.fromEntries(new URLSearchParams(query || "")) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
