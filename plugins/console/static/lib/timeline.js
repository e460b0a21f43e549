// A run as bars over time. Pure.

const TONES = { succeeded: "good", failed: "bad", cancelled: "warn", outcome_unknown: "warn" };

/** From when to when there is something to draw, in ms: `{from, to}`. */
export function span(run, now) {
  const from = run.started ?? Math.min(...[...run.tasks.values()].map((task) => task.submitted), now);
  return { from, to: Math.max(run.ended ?? now, from + 1) };
}

/**
 * The bars of one row of `treeRows`, as parts of the span up to `now`: `{bars: [{left, width, look, tone, from, to,
 * title}], marks: [{left, title}]}`. `look` is `waits`, `open` or `done`; a mark is a retry.
 */
export function barsOf(row, { from, to, now = to }) {
  const place = (begin, end) => {
    const left = share(begin, from, to);
    return { left, width: Math.max(0, share(end ?? now, from, to) - left), from: begin, to: end };
  };
  if (row.call) {
    const { call } = row;
    const look = call.ended == null ? "open" : "done";
    return { bars: [{ ...place(call.began, call.ended), look, tone: call.tone || "tool", title: call.name }], marks: [] };
  }
  const { task } = row;
  const bars = task.attempts.flatMap((attempt) => attemptBars(task, attempt, place));
  if (!task.attempts.length) bars.push({ ...place(task.submitted, task.ended), look: "waits", tone: "plain", title: "submitted" });
  const marks = task.attempts.filter((attempt) => attempt.number > 1)
    .map((attempt) => ({ left: share(attempt.queued, from, to), title: `attempt ${attempt.number}` }));
  return { bars, marks };
}

function attemptBars(task, attempt, place) {
  const begun = attempt.began ?? attempt.ended ?? task.ended;
  const bars = [{ ...place(attempt.queued, begun), look: "waits", tone: "plain", title: attempt.delay ? `back-off, attempt ${attempt.number}` : `waits, attempt ${attempt.number}` }];
  if (attempt.began == null) return bars;
  const tone = attempt.error ? "bad" : attempt === task.attempts.at(-1) ? TONES[task.state] || "plain" : "bad";
  const look = attempt.ended == null ? "open" : "done";
  bars.push({ ...place(attempt.began, attempt.ended), look, tone, title: `attempt ${attempt.number}` });
  return bars;
}

function share(at, from, to) {
  return Math.min(1, Math.max(0, (at - from) / (to - from)));
}

/** Round times for a scale: ms from the beginning, six at most. */
export function ticks({ from, to }) {
  const whole = to - from;
  const rough = whole / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((by) => by * unit).find((one) => one >= rough);
  return Array.from({ length: Math.floor(whole / step) + 1 }, (_, index) => index * step);
}
