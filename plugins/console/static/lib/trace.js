// What happened, as rows to be read: calls joined to their results, text to its pieces. Pure.

import { duration, line, plural } from "./format.js";
import { calledWith, outcomeOf, returnedWith, told, tokens } from "./words.js";

const TEXT = 4000; // characters of a text that grows
const EVENTS = 12; // events that a row keeps

/**
 * Folds events and gaps, in order, into `rows`, the oldest first, `most` at most.
 *
 * A row is `{id, kind, at, seq, run, task, agent, type, types, tone, label, events, pieces, ...}`;
 * `kind` is `call`, `text`, `progress`, `task`, `approval`, `event` or `gap`. Rows change in place:
 * a call gets its end, a text its next piece. `wordsOf(row)` is what a row says.
 */
export class Trace {
  rows = [];
  #most;
  #made = 0;
  #joins = new Map(); // what a later event may be joined to, by a key

  constructor({ most = 5000 } = {}) {
    this.#most = most;
  }

  add(items) {
    for (const item of items) this.#take(item);
    if (this.rows.length > this.#most * 1.05) this.#trim();
    return this;
  }

  #take(item) {
    if (item.gap) return this.#push({ kind: "gap", type: "gap", tone: "warn", gap: item, at: NaN, seq: item.first });
    const how = JOINS[item.type];
    const row = how && this.#joins.get(how.key(item));
    if (row && how.into(row, item)) return keep(row, item);
    this.#joins.delete(`grows ${item.task}`);
    this.#begin(item);
  }

  #begin(event) {
    const made = BEGINS[event.type]?.(event) || { kind: "event" };
    const row = this.#push({
      label: null, tone: null, at: event.at, seq: event.seq, run: event.run, task: event.task, agent: event.agent,
      type: event.type, ...made,
    });
    if (row.key) this.#joins.set(row.key, row);
    keep(row, event);
  }

  #push(made) {
    const row = { id: (this.#made += 1), types: [made.type], events: [], pieces: 0, run: "", task: "", agent: "", said: null, hay: null, ...made };
    this.rows.push(row);
    return row;
  }

  #trim() {
    for (const row of this.rows.splice(0, this.rows.length - this.#most)) {
      if (row.key && this.#joins.get(row.key) === row) this.#joins.delete(row.key);
    }
  }
}

/** The row of an event that is joined to nothing: its type, and what it says. */
export function plainRow(event) {
  const { seq, at, run, task, agent, type } = event;
  return {
    id: seq, kind: "event", label: type, tone: null, at, seq, last: seq, run, task, agent, type, types: [type],
    events: [event], pieces: event.coalesced || 1, said: null, hay: null,
  };
}

/** What a row is called. */
export function labelOf(row) {
  return (row.label ??= told(row.events[0]).label);
}

/** How a row is coloured. */
export function toneOf(row) {
  return (row.tone ??= told(row.events[0]).tone);
}

/** What a row says, in one line. */
export function wordsOf(row) {
  return (row.said ??= WORDS[row.kind]?.(row) ?? told(row.events[0]).text);
}

/** Whether a row stands out: what was refused, and what waits for a person. */
export function standsOut(row) {
  return row.type.startsWith("security.") || (row.kind === "approval" && !row.decided);
}

/** What a search looks through. */
export function haystack(row) {
  return (row.hay ??= [row.agent, row.run, row.task, labelOf(row), wordsOf(row), ...row.events.slice(0, 4).map((event) => JSON.stringify(event.data).slice(0, 2000))]
    .join(" ").toLowerCase());
}

function keep(row, event) {
  row.pieces += event.coalesced || 1;
  row.last = event.seq;
  row.said = row.hay = null;
  if (!row.types.includes(event.type)) row.types.push(event.type);
  if (row.events.length >= EVENTS) row.events.splice(EVENTS / 2, 1);
  row.events.push(event);
}

const BEGINS = {
  "tool.called": (event) => ({ kind: "call", key: `call ${event.data.call}`, open: true }),
  "llm.called": (event) => ({ kind: "call", key: `call ${event.data.call}`, open: true }),
  "tool.returned": (event) => ({ kind: "call", seconds: event.data.seconds }),
  "llm.returned": (event) => ({ kind: "call", seconds: event.data.seconds }),
  "agent.text": (event) => ({ kind: "text", key: `grows ${event.task}`, text: event.data.delta || "" }),
  "agent.progress": (event) => ({ kind: "progress", key: `grows ${event.task}` }),
  "task.submitted": (event) => ({ kind: "task", key: `begins ${event.task}` }),
  "task.queued": (event) => ({ kind: "task", key: `begins ${event.task}`, attempt: event.data.attempt }),
  "approval.requested": (event) => ({ kind: "approval", key: `approval ${event.data.approval}` }),
};

const byCall = { key: (event) => `call ${event.data.call}` };
const begins = (state) => ({
  key: (event) => `begins ${event.task}`,
  into: (row, event) => {
    if (row.kind !== "task" || row.done || (event.data.attempt || 1) !== (row.attempt || 1)) return false;
    row.label = `task ${state}`;
    row.done = state === "running";
    return true;
  },
});

// Which event is joined to which row: by what key, and how; `into` says whether it was.
const JOINS = {
  "tool.returned": { ...byCall, into: returned },
  "llm.returned": { ...byCall, into: returned },
  "tool.output": { ...byCall, into: () => true },
  "tool.progress": { ...byCall, into: (row, { data }) => Boolean((row.note = data)) },
  "agent.text": { key: (event) => `grows ${event.task}`, into: grown },
  "agent.progress": { key: (event) => `grows ${event.task}`, into: (row) => row.kind === "progress" },
  "task.queued": begins("queued"),
  "task.scheduled": begins("scheduled"),
  "task.running": begins("running"),
  "approval.granted": { key: (event) => `approval ${event.data.approval}`, into: decided },
  "approval.denied": { key: (event) => `approval ${event.data.approval}`, into: decided },
  "approval.expired": { key: (event) => `approval ${event.data.approval}`, into: decided },
  "approval.used": { key: (event) => `approval ${event.data.approval}`, into: () => true },
};

function returned(row, event) {
  if (!row.open) return false;
  row.open = false;
  row.tone = outcomeOf(event.data);
  row.seconds = event.data.seconds;
  return true;
}

function grown(row, event) {
  if (row.kind !== "text") return false;
  const whole = row.text + (event.data.delta || "");
  row.text = whole.length > TEXT ? `…${whole.slice(-TEXT)}` : whole;
  return true;
}

function decided(row, event) {
  const { label, tone } = told(event);
  Object.assign(row, { decided: event.type.split(".")[1], label, tone });
  return true;
}

const WORDS = {
  call: callWords,
  text: (row) => line(row.text, 600),
  progress: (row) => told(row.events.at(-1)).text,
  task: (row) => row.events.filter(({ type }) => type !== "task.running").map((event) => told(event).text).filter(Boolean).join(" · "),
  approval: (row) => [told(row.events[0]).text, row.decided && told(row.events.find(({ type }) => type.endsWith(row.decided))).text].filter(Boolean).join(" · "),
  gap: ({ gap }) => gapWords(gap),
};

function callWords(row) {
  const first = row.events[0];
  const last = row.events.at(-1);
  const given = first.type.endsWith(".called") ? (first.type === "llm.called" ? plural(first.data.messages, "message") : calledWith(first.data)) : "";
  if (row.open) return [given, row.note && told({ type: "tool.progress", data: row.note }).text].filter(Boolean).join(" · ");
  const came = last.type === "llm.returned" ? told(last).text || tokens(last.data) : returnedWith(last.data);
  return [given, came].filter(Boolean).join(" → ");
}

const REASONS = {
  slow: "this page read too slowly",
  trimmed: "the journal has let them go",
  large: "one of them fits no frame",
  anew: "the journal was begun anew",
};

export function gapWords(gap) {
  const many = gap.last - gap.first + 1;
  const about = gap.dropped != null && gap.dropped !== many ? `${plural(gap.dropped, "event")} of ` : "";
  return `Missing: ${about}events ${gap.first} to ${gap.last}, as ${REASONS[gap.reason] || gap.reason}`;
}

/** `12 ms`, or how long it is open by now. */
export function tookOf(row, now) {
  if (row.seconds != null) return duration(row.seconds);
  return row.open ? duration(Math.max(0, now - row.at) / 1000) : "";
}
