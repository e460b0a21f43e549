// The kernel as a whole: how it is, how much happens, what waits where, and what has to be mended.

import { html } from "../lib/ui.js";
import { may } from "../lib/session.js";
import { useApi } from "../lib/use.js";
import { Actors } from "../parts/actors.js";
import { Doctor } from "../parts/doctor.js";
import { Failure, Pending } from "../parts/failure.js";
import { JournalFacts, KernelFacts, MirrorFacts, ProcessFacts, TaskFacts } from "../parts/system-facts.js";
import { Figures } from "../parts/figures.js";
import { PolicyFacts } from "../parts/policy-facts.js";
import { Scheduler } from "../parts/scheduler.js";

const EVERY = 2; // seconds

export function System({ query }) {
  const status = useApi("/v1/status", { on: ["kernel.", "scheduler.", "journal."], every: EVERY });
  const process = useApi("/v1/process", { every: EVERY });
  const told = status.value;
  return html`
    <h1>System</h1>
    ${told ? html`<${Failure} error=${status.error} /><${Trouble} told=${told} />` : html`<${Pending} from=${status} />`}
    ${told && html`
      <div class="cards system">
        <${KernelFacts} told=${told} />
        <${TaskFacts} told=${told} />
        <${Scheduler} paused=${told.paused} onChange=${status.reload} />
        <${MirrorFacts} bus=${told.bus} />
        <${JournalFacts} kept=${told.kept} events=${told.events} />
        <${ProcessFacts} process=${process.value} pid=${told.pid} />
        <${PolicyFacts} />
      </div>
      <${Figures} status=${told} process=${process.value} />
      <${Actors} own=${told.actors} all=${Boolean(query.actors)} />
      ${may("admin") && html`<${Doctor} />`}`}`;
}

function Trouble({ told }) {
  return html`
    ${told.state !== "running" && html`<p class="notice warn" role="alert">The kernel is ${told.state}.</p>`}
    ${told.journal && html`<p class="notice bad" role="alert">The journal cannot be written, and nothing new is taken: ${told.journal}.</p>`}
    ${told.kept?.trouble && html`<p class="notice warn" role="alert">The journal was not trimmed: ${told.kept.trouble}.</p>`}
    ${told.paused && html`<p class="notice warn" role="status">The Scheduler is paused: no task is started.</p>`}
    ${told.bus.state === "degraded" && html`<p class="notice warn" role="alert">Observers on Redis fall behind: ${told.bus.reason}.</p>`}`;
}
