// Events in few words. Pure.

import { brief, duration, line, plural } from "./format.js";

const ENDS = { succeeded: "good", failed: "bad", cancelled: "warn", outcome_unknown: "warn" };

/** `{label, text, tone}` of an event: what it is called, what it says, and how it is coloured. */
export function told(event) {
  const say = WORDS[event.type] || WORDS[`${event.type.split(".")[0]}.`];
  const { label = event.type, text = rest(event.data), tone = "plain" } = say ? say(event.data, event) : {};
  return { label, text: event.ref && !text ? "too large to be sent along" : text, tone };
}

/** A call in words: what was given, and what came of it. */
export function calledWith(data) {
  return data.args === undefined ? "" : brief(data.args, 160);
}

export function returnedWith(data) {
  if (data.error) return line(data.error, 300);
  return line(data.summary, 200) || (data.result == null ? "" : brief(data.result, 200));
}

/** How a call ended: `good`, `bad`, or `warn` where nobody knows. */
export function outcomeOf(data) {
  if (data.unknown) return "warn";
  return data.ok === false || data.error ? "bad" : "good";
}

export function tokens(data) {
  if (!data.input_tokens && !data.output_tokens) return "";
  return `${data.input_tokens || 0} tokens in, ${data.output_tokens || 0} out`;
}

const WORDS = {
  "agent.thought": (data) => ({ label: "thought", text: line(data.text, 600), tone: "thought" }),
  "agent.text": (data) => ({ label: "text", text: line(data.delta, 600) }),
  "agent.final": (data) => ({ label: "answer", text: plural(data.characters, "character") }),
  "agent.progress": (data) => ({ label: "progress", text: progress(data) }),
  "agent.state": (data) => ({ label: "keeps", text: brief(data.state) }),
  "agent.spawned": (data) => ({ label: "agent spawned", text: data.reference || data.isolation }),
  "agent.stopped": (data) => ({ label: "agent stopped", text: data.reason, tone: "warn" }),
  "agent.failed": (data) => ({ label: "agent failed", text: `${data.kind}: ${line(data.cause)} (${data.action})`, tone: "bad" }),
  "tool.called": (data) => ({ label: data.tool, text: calledWith(data), tone: "tool" }),
  "tool.returned": (data) => ({ label: data.tool, text: returnedWith(data), tone: outcomeOf(data) }),
  "tool.output": (data) => ({ label: data.tool, text: brief(data.value), tone: "tool" }),
  "tool.progress": (data) => ({ label: data.tool, text: progress(data), tone: "tool" }),
  "tool.recalled": (data) => ({ label: data.tool, text: "not repeated: its recorded result was given", tone: "warn" }),
  "llm.called": (data) => ({ label: data.model, text: plural(data.messages, "message"), tone: "tool" }),
  "llm.returned": (data) => ({ label: data.model, text: modelled(data), tone: data.error ? "bad" : "good" }),
  "task.submitted": (data) => ({ label: "task submitted", text: brief(data.input) }),
  "task.queued": (data) => ({ label: "task queued", text: queued(data) }),
  "task.scheduled": (data) => ({ label: "task scheduled", text: data.waiting ? data.reason : "" }),
  "task.running": (data) => ({ label: "task running", text: data.attempt > 1 ? `attempt ${data.attempt}` : "" }),
  "task.attempt_failed": (data) => ({ label: "attempt failed", text: retried(data), tone: "bad" }),
  "task.cancel_requested": (data) => ({ label: "cancel asked for", text: data.reason, tone: "warn" }),
  "task.stalled": (data) => ({ label: "task stalled", text: `${data.what} for ${duration(data.seconds)}: ${data.action}`, tone: "bad" }),
  "task.": (data, event) => ended("task", data, event),
  "run.started": (data) => ({ label: "run started", text: data.source ? `goes on from ${data.source} at ${data.at}` : "" }),
  "run.": (data, event) => ended("run", data, event),
  "approval.requested": (data) => ({ label: "approval requested", text: `${data.action} ${data.resource} (${data.rule})`, tone: "warn" }),
  "approval.granted": (data) => ({ label: "approval granted", text: by(data), tone: "good" }),
  "approval.denied": (data) => ({ label: "approval denied", text: by(data), tone: "bad" }),
  "approval.expired": (data) => ({ label: "approval expired", text: data.reason, tone: "warn" }),
  "approval.": (data, event) => ({ label: event.type.replace(".", " "), text: data.approval }),
  "security.denied": (data) => ({ label: "denied", text: denied(data), tone: "bad" }),
  "security.": (data, event) => ({ label: event.type, text: rest(data), tone: "bad" }),
  "message.dead": (data) => ({ label: "dead letter", text: `${data.message} for ${data.recipient}: ${data.reason}`, tone: "bad" }),
  "plugin.failed": (data) => ({ label: "plugin failed", text: `${data.name}: ${line(data.cause)}`, tone: "bad" }),
  "plugin.exited": (data) => ({ label: "plugin exited", text: `${data.name}: ${line(data.reason)}`, tone: "bad" }),
  "plugin.quarantined": (data) => ({ label: "plugin quarantined", text: `${data.name}: ${line(data.reason)}`, tone: "bad" }),
  "plugin.logged": (data) => ({ label: "plugin says", text: `${data.name}: ${line(data.line)}` }),
  "plugin.": (data, event) => ({ label: event.type.replace(".", " "), text: [data.name, data.version, data.level].filter(Boolean).join(" ") }),
  "telemetry.": (data, event) => ({ label: event.type, text: [data.tool_name, line(data.message)].filter(Boolean).join(": ") }),
  "bus.degraded": (data) => ({ label: "Redis degraded", text: data.reason, tone: "warn" }),
};

function ended(noun, data, event) {
  const state = event.type.slice(noun.length + 1);
  const why = data.kind ? `${data.kind}: ${line(data.cause, 300)}` : line(data.reason || data.cause, 300);
  const what = data.result == null ? "" : brief(data.result, 300);
  return { label: `${noun} ${state.replace("_", " ")}`, text: why || what, tone: ENDS[state] };
}

function retried(data) {
  return `attempt ${data.attempt}: ${data.kind}: ${line(data.cause)}; again in ${duration(data.retry_in || 0)}`;
}

function queued(data) {
  const again = data.attempt > 1 ? `for attempt ${data.attempt}` : "";
  return [again, data.delay ? `after ${duration(data.delay)}` : ""].filter(Boolean).join(" ");
}

function modelled(data) {
  if (data.error) return [data.error, line(data.cause)].filter(Boolean).join(": ");
  return [tokens(data), data.finish, line(data.text, 200)].filter(Boolean).join(", ");
}

function denied(data) {
  const many = data.count > 1 ? ` (${data.count} times)` : "";
  return `${[data.action, data.resource].filter(Boolean).join(" ")} for ${(data.principals || []).join(", ") || "nobody"}: ${line(data.detail || data.rule)}${many}`;
}

function by(data) {
  return [data.by && `by ${data.by}`, data.reason].filter(Boolean).join(": ");
}

function progress(data) {
  const far = data.total ? `${data.done} of ${data.total}` : String(data.done);
  return [far, line(data.note)].filter(Boolean).join(": ");
}

function rest(data) {
  const { type, ...others } = data;
  return Object.keys(others).length ? brief(others) : "";
}
