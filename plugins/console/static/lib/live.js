// The console's one stream of all events: the newest of them, and how well it follows.

import { get } from "./api.js";
import { Signal } from "./signal.js";
import { EventStream } from "./stream.js";

/** How many items `recent` holds at most. */
export const KEPT = 5000;
const BEFORE = 500; // events from before the console was opened
const BEHIND = 2000; // ms

/** The newest events and gaps, oldest first: the same array always. `changed` says when to look. */
export const recent = [];
/** Counts up with each batch. */
export const changed = new Signal(0);
/** `{state, error, retryAt, since}`: see `EventStream`; `since` is in ms. */
export const connection = new Signal({ state: "connecting", since: Date.now() });
/** How many ms the newest event is late; 0 while it is in time. */
export const behind = new Signal(0);
/** How many events the console did not get since it was opened. */
export const missed = new Signal(0);
/** Counts up when a gap among `recent` was filled, so that what was made of them is made anew. */
export const filled = new Signal(0);

const subscribers = new Set();
let stream = null;
let opened = null; // which call of openLive() is the latest
let skew = Infinity; // the least difference of our clock to the kernel's that an event showed

/** Call `onBatch(items)` with what comes; returns what ends that. */
export function subscribe(onBatch) {
  subscribers.add(onBatch);
  return () => subscribers.delete(onBatch);
}

/** Follow the kernel from now on; what was followed before is let go. */
export async function openLive() {
  closeLive();
  const turn = (opened = {});
  let from = "now";
  try {
    const kept = await get("/v1/journal");
    if (kept.last > 0) from = String(Math.max(kept.first, kept.last - BEFORE + 1));
  } catch {
    // the stream says what is wrong, and begins with what comes
  }
  if (opened !== turn) return;
  stream = new EventStream({ query: { from, slow: "drop" }, onBatch: take, onState }).start();
}

/** Put what the journal still had in the place of a gap; no more than `recent` may hold. */
export function fillGap(gap, events) {
  const place = recent.indexOf(gap);
  if (place < 0) return;
  recent.splice(place, 1, ...events);
  if (recent.length > KEPT) recent.splice(0, recent.length - KEPT);
  missed.value = Math.max(0, missed.value - sizeOf(gap));
  filled.value += 1;
}

export function closeLive() {
  stream?.close();
  stream = opened = null;
  recent.length = 0;
  skew = Infinity;
  behind.value = 0;
  missed.value = 0;
  changed.value += 1;
}

function onState(state) {
  const before = connection.value;
  connection.value = { ...state, since: before.state === state.state ? before.since : Date.now() };
}

function take(items) {
  for (const item of items) {
    if (item.gap) missed.value += sizeOf(item);
  }
  recent.push(...items);
  if (recent.length > KEPT) recent.splice(0, recent.length - KEPT);
  measure(items.at(-1));
  for (const onBatch of [...subscribers]) onBatch(items);
  changed.value += 1;
}

function measure(item) {
  if (item.gap) return;
  const difference = Date.now() - item.at;
  skew = Math.min(skew, difference);
  const late = difference - skew;
  behind.value = late > BEHIND ? late : 0;
}

function sizeOf(gap) {
  return gap.dropped ?? gap.last - gap.first + 1;
}
