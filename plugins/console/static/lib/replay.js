// A run at any of its moments: what is shown while it goes on, and while it is played again. Pure.

import { foldEvent, newRun } from "./run.js";
import { Trace } from "./trace.js";

/** How many events of a run are kept in the page. */
export const MOST = 50_000;
export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];

/** Holds `events` in order, and the folds of the first `position` of them: `run`, and `trace` when asked. */
export class Replay {
  events = [];
  position = 0;
  full = false; // whether there was more than MOST
  #id;
  #trace = null;
  #traced = 0; // how many events it has

  constructor(id) {
    this.#id = id;
    this.#reset();
  }

  /** More events, in order; those that are there already are left out. */
  add(events) {
    let last = this.events.at(-1)?.seq ?? 0;
    for (const event of events) {
      if (event.gap || event.seq <= last) continue;
      if (this.events.length >= MOST) {
        this.full = true;
        return;
      }
      this.events.push(event);
      last = event.seq;
    }
  }

  /** Show the state after the first `position` events. */
  seek(position) {
    const wanted = Math.max(0, Math.min(position, this.events.length));
    if (wanted < this.position) this.#reset();
    for (let at = this.position; at < wanted; at += 1) foldEvent(this.run, this.events[at]);
    this.position = wanted;
    return this;
  }

  get trace() {
    if (!this.#trace || this.#traced > this.position) {
      this.#trace = new Trace({ most: MOST });
      this.#traced = 0;
    }
    this.#trace.add(this.events.slice(this.#traced, this.position));
    this.#traced = this.position;
    return this.#trace;
  }

  /** After how many events the one with `seq` has come. */
  positionOf(seq) {
    return countUntil(this.events, (event) => event.seq <= seq);
  }

  /** After how many events the time `at` (ms) has come. */
  positionAt(at) {
    return countUntil(this.events, (event) => event.at <= at);
  }

  /** The time that is shown, in ms. */
  get at() {
    return this.events[Math.max(0, this.position - 1)]?.at ?? 0;
  }

  get began() {
    return this.events[0]?.at ?? 0;
  }

  get ended() {
    return this.events.at(-1)?.at ?? 0;
  }

  #reset() {
    this.position = 0;
    this.run = newRun(this.#id);
  }
}

function countUntil(events, holds) {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(events[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}
