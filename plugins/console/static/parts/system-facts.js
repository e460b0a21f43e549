// What the kernel says of itself, a card for each part.

import { count, duration, size } from "../lib/format.js";
import { href } from "../lib/route.js";
import { html, useRef } from "../lib/ui.js";
import { Badge } from "./badge.js";

/** A card with a title, and facts as `[name, value]`; those whose value is "" or null are left out. */
export function Card({ title, badge, facts, children }) {
  const shown = facts.filter(([, value]) => value !== "" && value != null);
  return html`<section class="card"><header class="card-head"><h2>${title}</h2>${badge}</header>
    <dl class="facts">${shown.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>${children}
  </section>`;
}

export function KernelFacts({ told }) {
  return html`<${Card} title="Kernel" badge=${html`<${Badge} state=${told.state} />`} facts=${[
    ["Name", told.name], ["Version", told.version], ["Process", told.pid], ["Up for", duration(told.uptime)],
    ["Reached at", told.listen], ["Agents", html`<a href=${href("agents")}>${count(told.agents)}</a>`],
    ["Open runs", html`<a href=${href("runs")}>${count(told.runs)}</a>`],
    ["Dead letters", html`<a href=${href("dead")}>${count(told.dead_letters)}</a> since the start`],
  ]} />`;
}

export function TaskFacts({ told }) {
  const states = Object.entries(told.tasks);
  const most = Math.max(1, ...states.map(([, number]) => number));
  return html`<section class="card"><header class="card-head"><h2>Tasks</h2></header>
    ${states.length === 0 && html`<p class="soft">None yet: <code>retinue submit AGENT</code>.</p>`}
    <dl class="facts bars">${states.map(([state, number]) => html`<dt>${state}</dt><dd><${Bar} value=${number} most=${most} /> ${count(number)}</dd>`)}</dl>
  </section>`;
}

export function MirrorFacts({ bus }) {
  const refused = Object.entries(bus.telemetry ?? {});
  return html`<${Card} title="Redis" badge=${html`<${Badge} state=${bus.state} />`} facts=${[
    ["Server", bus.server], ["Observers connect to", bus.url], ["Waits to go out", `${count(bus.pending)} events`],
    ["Published", count(bus.published)], ["Read again for it", count(bus.refilled)], ["Dropped", count(bus.dropped)], ["Why", bus.reason],
    ["Hears nothing", bus.deaf], ["From outside", refused.map(([word, number]) => `${word} ${count(number)}`).join(", ")],
  ]}>${bus.state === "off" && html`<p class="soft">Events are mirrored nowhere: <code>retinue run --redis URL</code>.</p>`}<//>`;
}

export function JournalFacts({ kept, events }) {
  if (!kept) return null;
  const bounds = [kept.max_events && `${count(kept.max_events)} events`, kept.max_bytes && size(kept.max_bytes), kept.max_age && duration(kept.max_age)];
  const readers = Object.entries(kept.readers);
  return html`<${Card} title="Journal" badge=${html`<${Badge} state=${kept.trouble ? "degraded" : "ok"} />`} facts=${[
    ["Events", `${count(kept.first)} to ${count(kept.last)}`], ["In", kept.kind === "memory" ? "memory" : `a file of ${size(kept.bytes)}, ${size(kept.free_bytes)} of it empty`],
    ["At most", bounds.filter(Boolean).join(" or ") || "without a bound"], ["Held by", kept.held_by.join(", ")], ["Trouble", kept.trouble],
    ["Readers", readers.map(([name, seq]) => `${name} (${count(Math.max(0, events - seq))} behind)`).join(", ") || "none registered"],
  ]} />`;
}

export function ProcessFacts({ process, pid }) {
  const share = useShare(process);
  return html`<${Card} title="Process" badge=${null} facts=${[
    ["Memory", process && size(process.memory)], ["Threads", process && count(process.threads)],
    ["Processor", process && `${duration(process.cpu)}${share === null ? "" : `, now ${Math.round(share * 100)} % of a core`}`], ["Number", pid],
  ]} />`;
}

/** How much of the most something is, as a bar; the number stands beside it. */
export function Bar({ value, most }) {
  return html`<span class="gauge" aria-hidden="true"><span style=${{ width: `${Math.min(100, (100 * value) / Math.max(1, most))}%` }}></span></span>`;
}

// The part of a core that was used from one answer to the next.
function useShare(process) {
  const before = useRef(null);
  const share = useRef(null);
  if (process && before.current?.process !== process) {
    const at = performance.now() / 1000;
    if (before.current) share.current = Math.max(0, (process.cpu - before.current.process.cpu) / (at - before.current.at));
    before.current = { process, at };
  }
  return share.current;
}
