// How much happens a second: counted from the events, from when the console was opened.

import { changed, recent, subscribe } from "./live.js";
import { Series } from "./series.js";

const ENDS = ["task.succeeded", "task.failed", "task.cancelled"];

export const throughput = { events: new Series(), tasks: new Series(), failures: new Series() };

/** Count one item of the live stream; of a gap, what it says was lost. */
export function counted({ events, tasks, failures }, item, now) {
  if (item.gap) return events.add(Math.floor(now / 1000), item.dropped ?? 0);
  const second = Math.floor(item.at / 1000);
  events.add(second);
  if (ENDS.includes(item.type)) tasks.add(second);
  if (item.type === "task.failed") failures.add(second);
}

subscribe((items) => {
  const now = Date.now();
  for (const item of items) counted(throughput, item, now);
});
changed.watch(() => {
  if (!recent.length) Object.values(throughput).forEach((series) => series.clear()); // signed out: another may see this next
});
