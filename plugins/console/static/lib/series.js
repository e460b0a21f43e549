// Figures of the last ten minutes, a value a second, in memory that does not grow.

/** How many seconds are kept. */
export const SPAN = 600;

/** Values by second: `add` counts events, `set` keeps the last value that was measured. */
export class Series {
  #values = new Array(SPAN).fill(null);
  #seconds = new Array(SPAN).fill(-1);
  #first = Infinity;

  /** Count `amount` more in a second of the last ten minutes. */
  add(second, amount = 1) {
    const at = second % SPAN;
    if (this.#seconds[at] > second) return; // older than what is kept
    this.#first = Math.min(this.#first, second);
    if (this.#seconds[at] < second) {
      this.#seconds[at] = second;
      this.#values[at] = 0;
    }
    this.#values[at] += amount;
  }

  /** What was measured in a second. */
  set(second, value) {
    this.#seconds[second % SPAN] = second;
    this.#values[second % SPAN] = value;
  }

  /** The values from `first` to `last`, both seconds: 0 where nothing was counted, null before the beginning. */
  read(first, last) {
    const found = [];
    for (let second = first; second <= last; second += 1) {
      const nothing = second < this.#first ? null : 0;
      found.push(this.#seconds[second % SPAN] === second ? this.#values[second % SPAN] : nothing);
    }
    return found;
  }

  clear() {
    this.#seconds.fill(-1);
    this.#first = Infinity;
  }
}

/** `{now, most, mean}` of values of which some may be null; `now` is the last that is there. */
export function summary(values) {
  const there = values.filter((value) => value !== null);
  if (!there.length) return { now: null, most: null, mean: null };
  const sum = there.reduce((all, value) => all + value, 0);
  return { now: there.at(-1), most: there.reduce((a, b) => Math.max(a, b)), mean: sum / there.length };
}
