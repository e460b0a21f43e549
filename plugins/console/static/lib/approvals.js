// What became of the calls that waited for somebody's word, out of the events that tell it. Pure.

/** The states of those that do not wait. */
export const STATES = ["granted", "used", "denied", "expired"];

/** Approvals as `/v1/approvals` has them, newest first; those whose request is not among the events are left out. */
export function history(events) {
  const found = new Map();
  for (const { type, data, at, run, task, agent } of events) {
    const id = data.approval;
    const word = type.slice("approval.".length);
    if (word === "requested") found.set(id, { ...data, id, run, task, agent, requested: at / 1000, state: word, by: "", reason: "", decided: null });
    else if (found.has(id)) answered(found.get(id), word, data, at / 1000);
  }
  return [...found.values()].reverse();
}

// a call that goes on was granted before: who said so, why and when stays
function answered(one, word, { by = "", reason = "" }, time) {
  one.state = word;
  if (word !== "used") Object.assign(one, { by, reason, decided: time });
}
