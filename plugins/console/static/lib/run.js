// A run as its events tell it: the same fold for one that goes on and for one that is replayed. Pure.

import { duration, plural } from "./format.js";

const TEXT = 4000;

/** A run of which nothing is known yet. Times are in ms, as `at` of events. */
export function newRun(id) {
  return { id, state: "submitted", started: null, ended: null, source: "", sourceAt: 0, reason: "", root: "", tasks: new Map(), calls: new Map(), events: 0, last: 0, now: 0 };
}

/** The run one event later; `run` is changed. */
export function foldEvent(run, event) {
  run.events += 1;
  run.last = event.seq;
  run.now = Math.max(run.now, event.at);
  const [noun, verb] = event.type.split(".");
  if (noun === "run") foldRun(run, verb, event);
  else if (event.task) FOLDS[noun]?.(taskOf(run, event), verb, event, run);
  return run;
}

export function foldAll(id, events) {
  const run = newRun(id);
  for (const event of events) foldEvent(run, event);
  return run;
}

/** What an open task waits for, in words; "" for one that has ended. */
export function waitingFor(task, run) {
  if (task.ended != null) return "";
  const attempt = task.attempts.at(-1);
  if (task.cancel != null) return "its end: a cancel was asked for";
  if (!attempt || task.state === "queued" || task.state === "submitted") {
    return attempt?.delay ? `the end of a back-off of ${duration(attempt.delay)}` : "its turn, in line";
  }
  if (task.state === "scheduled") return "its agent to begin";
  const approval = task.approvals.findLast((one) => one.state === "requested");
  if (approval) return `somebody's word on ${approval.action} ${approval.resource}`;
  const open = task.calls.filter((call) => call.ended == null);
  if (open.length) return open.map((call) => `${call.what === "tool" ? "tool" : "model"} ${call.name}`).join(", ");
  const children = task.children.map((id) => run.tasks.get(id)).filter((child) => child.ended == null);
  if (children.length > 1) return `${plural(children.length, "task")}: ${[...new Set(children.map((child) => child.agent))].join(", ")}`;
  if (children.length) return `${children[0].agent} (${children[0].id})`;
  return "its own code";
}

function foldRun(run, verb, event) {
  if (verb === "started") {
    Object.assign(run, { state: "running", started: event.at, root: event.task, source: event.data.source || "", sourceAt: event.data.at || 0 });
  } else {
    // an outcome that nobody knows ends a run as failed, but is no failure
    const state = run.tasks.get(run.root)?.state === "outcome_unknown" ? "outcome_unknown" : verb;
    Object.assign(run, { state, ended: event.at, reason: event.data.reason || "" });
  }
}

function taskOf(run, event) {
  const known = run.tasks.get(event.task);
  if (known) return known;
  const task = {
    id: event.task, agent: event.agent, parent: "", input: undefined, state: "submitted", submitted: event.at, ended: null,
    attempts: [], calls: [], children: [], approvals: [], thought: "", text: "", error: "", result: undefined, cancel: null,
    stalled: null, allowed: 1, priority: 5, end: null,
  };
  run.tasks.set(task.id, task);
  run.root ||= task.id;
  return task;
}

const FOLDS = { task: foldTask, tool: foldCall, llm: foldCall, agent: foldStep, approval: foldApproval };

function foldTask(task, verb, event, run) {
  const { data, at } = event;
  const attempt = task.attempts.at(-1);
  if (verb === "submitted") {
    Object.assign(task, { input: data.input, parent: data.parent || "", submitted: at, allowed: data.attempts || 1, priority: data.priority ?? 5 });
    run.tasks.get(task.parent)?.children.push(task.id);
  } else if (verb === "queued") {
    task.attempts.push({ number: data.attempt || 1, queued: at, delay: data.delay || 0, scheduled: null, began: null, ended: null, error: "" });
    task.state = "queued";
  } else if (verb === "scheduled") {
    if (attempt) attempt.scheduled = at;
    task.state = "scheduled";
  } else if (verb === "running") {
    if (attempt) attempt.began = at;
    task.state = "running";
  } else if (verb === "attempt_failed") {
    if (attempt) Object.assign(attempt, { ended: at, error: `${data.kind}: ${data.cause}` });
    closeCalls(task, at);
  } else if (verb === "cancel_requested") task.cancel = data.reason || "";
  else if (verb === "stalled") task.stalled = data;
  else endTask(task, verb, event);
}

function endTask(task, verb, { data, at, seq, ref }) {
  const attempt = task.attempts.at(-1);
  if (attempt && attempt.ended == null) attempt.ended = at;
  closeCalls(task, at);
  const why = data.kind ? `${data.kind}: ${data.cause}` : data.cause || data.reason || "";
  Object.assign(task, { state: verb, ended: at, error: verb === "succeeded" ? "" : why, result: data.result, end: { seq, ref: Boolean(ref) } });
}

// What was open when its attempt ended has no end of its own: it was cut off.
function closeCalls(task, at) {
  for (const call of task.calls) {
    if (call.ended == null) Object.assign(call, { ended: at, tone: "warn", error: "cut off" });
  }
}

function foldCall(task, verb, event, run) {
  const { data, at } = event;
  const known = run.calls.get(data.call);
  if (verb === "called") {
    const what = event.type === "llm.called" ? "model" : "tool";
    const call = {
      id: data.call, task: task.id, what, name: data.tool || data.model, began: at, ended: null, tone: "", args: data.args,
      result: undefined, error: "", note: "", seconds: null, seq: event.seq, attempt: task.attempts.at(-1)?.number || 1,
    };
    run.calls.set(call.id, call);
    task.calls.push(call);
  } else if (known && verb === "progress") known.note = data.total ? `${data.done} of ${data.total}` : data.note || "";
  else if (known && verb === "returned") {
    const bad = data.ok === false || data.error;
    Object.assign(known, { ended: at, tone: data.unknown ? "warn" : bad ? "bad" : "good", result: data.result ?? data.text, error: data.error || "", seconds: data.seconds });
  }
}

function foldStep(task, verb, { data }) {
  if (verb === "thought") task.thought = data.text;
  else if (verb === "text") task.text = (task.text + data.delta).slice(-TEXT);
}

function foldApproval(task, verb, { data }) {
  if (verb === "requested") task.approvals.push({ id: data.approval, action: data.action, resource: data.resource, state: verb });
  else {
    const found = task.approvals.find((one) => one.id === data.approval);
    if (found) found.state = verb;
  }
}
