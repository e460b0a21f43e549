// Which dead letters are shown. Pure.

/** What a letter can be. */
export const KINDS = ["message", "task"];

/** Those of a `kind` in which the `text` occurs, in either case of letters. */
export function chosen(letters, { kind = "", text = "" }) {
  const wanted = text.trim().toLowerCase();
  return letters.filter((one) => (!kind || one.kind === kind) && (!wanted || holds(one, wanted)));
}

function holds({ id, what, recipient, reason, task, run, dealt }, text) {
  return [id, what, recipient, reason, task, run, dealt].some((field) => field?.toLowerCase().includes(text));
}
