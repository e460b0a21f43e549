// How many tasks each agent has ended in the last minute, out of the events. Pure.

const SECONDS = 60;
const ENDED = new Set(["task.succeeded", "task.failed"]);

export class Rates {
  #agents = new Map(); // name -> {counts, seconds}: a ring of one count a second

  /** Count what there is in a batch of events. */
  take(items) {
    for (const { type, agent, at } of items) {
      if (agent && ENDED.has(type)) this.#add(agent, Math.floor(at / 1000));
    }
  }

  /** Tasks that the agent ended in the minute before `now`, in ms. */
  perMinute(agent, now) {
    const ring = this.#agents.get(agent);
    if (!ring) return 0;
    const oldest = Math.floor(now / 1000) - SECONDS;
    return ring.counts.reduce((sum, count, place) => (ring.seconds[place] > oldest ? sum + count : sum), 0);
  }

  #add(agent, second) {
    let ring = this.#agents.get(agent);
    if (!ring) this.#agents.set(agent, (ring = { counts: new Array(SECONDS).fill(0), seconds: new Array(SECONDS).fill(0) }));
    const place = second % SECONDS;
    if (ring.seconds[place] > second) return; // a minute late: it is out of the window
    if (ring.seconds[place] < second) ring.counts[place] = 0;
    ring.seconds[place] = second;
    ring.counts[place] += 1;
  }
}
