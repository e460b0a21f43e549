// Which rows are shown. Pure.

import { haystack } from "./trace.js";

/** A test of rows for `{run, agent, type, text}`; `type` has globs, with spaces between them. */
export function rowFilter({ run = "", agent = "", type = "", text = "" }) {
  const types = globs(type);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => {
    if (row.kind === "gap") return true; // what is missing may be what was asked for
    if (run && row.run !== run) return false;
    if (agent && row.agent !== agent) return false;
    if (types.length && !row.types.some((one) => types.some((glob) => glob(one)))) return false;
    return words.every((word) => haystack(row).includes(word));
  };
}

/** Tests of a type, one a glob: `tool.*`, `task.?ailed`; a noun alone stands for all of its types. */
export function globs(text) {
  return text.split(/[\s,]+/).filter(Boolean).map((glob) => {
    const whole = /[*?.]/.test(glob) ? glob : `${glob}.*`;
    const told = whole.replace(/[\\^$+.()|[\]{}]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
    const tested = new RegExp(`^${told}$`);
    return (type) => tested.test(type);
  });
}
