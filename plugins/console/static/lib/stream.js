// One stream of events from the kernel, which comes back by itself and goes on where it was.

import { send, withQuery } from "./api.js";
import { SseParser } from "./sse.js";

const HEARTBEAT = 2; // seconds of silence until the kernel says that all is well
const SILENCE = 3 * HEARTBEAT * 1000; // without a word for so long the connection is given up
const FIRST_RETRY = 250;
const LAST_RETRY = 5000;

/**
 * Follows `/v1/events` from `query.from`, with `query.run`, `agent`, `type`.
 *
 * `onBatch(items)` gets events `{seq, at, type, run, task, agent, cause, data, time, id}` (`at` is
 * `time` in ms) and gaps `{gap, first, last, reason, dropped}`, in order, at most once a frame.
 * `onState({state, error, retryAt})`: `connecting`, `live`, `lost` (it tries again at `retryAt`),
 * `ended` (the kernel refused: it does not try again, or all that was asked for has come).
 */
export class EventStream {
  #query;
  #onBatch;
  #onState;
  #cursor = "";
  #abort = null;
  #timer = 0;
  #items = [];
  #frame = null;
  #attempts = 0;
  #closed = false;

  constructor({ query, onBatch, onState = () => {} }) {
    this.#query = query;
    this.#onBatch = onBatch;
    this.#onState = onState;
  }

  start() {
    addEventListener("online", this.#again);
    this.#connect();
    return this;
  }

  close() {
    this.#closed = true;
    removeEventListener("online", this.#again);
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#cancelFrame();
  }

  #again = () => {
    if (this.#abort || this.#closed) return;
    clearTimeout(this.#timer);
    this.#connect();
  };

  async #connect() {
    const abort = (this.#abort = new AbortController());
    this.#onState({ state: "connecting" });
    let watchdog = setTimeout(() => abort.abort(), SILENCE);
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE);
    };
    let error = null;
    try {
      await this.#read(abort, alive);
    } catch (caught) {
      error = caught;
    } finally {
      clearTimeout(watchdog);
      this.#abort = null;
    }
    if (!this.#closed) this.#after(error);
  }

  async #read(abort, alive) {
    const headers = { accept: "text/event-stream" };
    if (this.#cursor) headers["last-event-id"] = this.#cursor;
    const path = withQuery("/v1/events", { ...this.#query, named: "false", heartbeat: HEARTBEAT });
    const answer = await send("GET", path, { headers, signal: abort.signal, timeout: 0 });
    const parser = new SseParser((event) => this.#take(event));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    this.#attempts = 0;
    this.#onState({ state: "live" });
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      parser.feed(value);
      this.#cursor = parser.id || this.#cursor;
    }
  }

  #take({ type, data }) {
    const told = JSON.parse(data);
    if (type === "gap") this.#add({ gap: true, ...told });
    else if (type === "problem") throw Object.assign(new Error(told.detail || told.title), { final: told.status < 500 && told.status !== 429 });
    else this.#add(asEvent(told));
  }

  #add(item) {
    this.#items.push(item);
    if (this.#frame) return;
    // a hidden page draws no frames, and must not pile up what it would have drawn
    if (document.hidden) this.#frame = { timer: setTimeout(this.#flush, 250) };
    else this.#frame = { frame: requestAnimationFrame(this.#flush), timer: setTimeout(this.#flush, 250) };
  }

  #flush = () => {
    this.#cancelFrame();
    const items = this.#items;
    this.#items = [];
    if (items.length && !this.#closed) this.#onBatch(items);
  };

  #cancelFrame() {
    if (this.#frame?.frame) cancelAnimationFrame(this.#frame.frame);
    clearTimeout(this.#frame?.timer);
    this.#frame = null;
  }

  #after(error) {
    const refused = error?.final || (error?.status >= 400 && error.status < 500 && error.status !== 429);
    const complete = !error && (this.#query.to || this.#query.follow === "false");
    if (refused) send("GET", "/v1/me").catch(() => {}); // signs out when it was the token's end
    if (refused || complete) return this.#onState({ state: "ended", error });
    const wait = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** this.#attempts++) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(this.#again, wait);
    this.#onState({ state: "lost", error, retryAt: Date.now() + wait });
  }
}

/**
 * An event as the console knows it, out of the CloudEvent; for those of `/v1/journal/events` as well.
 * `ref` is where the API has one whose `data` was too large to be sent along, `coalesced` how many it
 * stands for.
 */
export function asEvent(told) {
  return {
    seq: Number(told.sequence), id: told.id, type: told.type, time: told.time, at: Date.parse(told.time),
    run: told.run || "", task: told.task || "", agent: told.agent || "", cause: told.cause || "",
    data: told.data || {}, ref: told.dataref || "", coalesced: told.coalesced || 1,
  };
}
