// What can be done about a run: end it, do it again, go on from one of its moments.

import { get, post } from "../lib/api.js";
import { go } from "../lib/route.js";
import { html, useEffect, useId, useState } from "../lib/ui.js";
import { useAction } from "../lib/use.js";
import { Confirm, Dialog } from "./dialog.js";
import { Failure } from "./failure.js";
import { SchemaForm } from "./schema-form.js";
import { toast } from "./toasts.js";

export function CancelRun({ id, onClose }) {
  const [reason, setReason] = useState("");
  const field = useId();
  const act = async () => {
    const { cancelled } = await post(`/v1/runs/${encodeURIComponent(id)}/cancel`, reason ? { reason } : {});
    toast(cancelled ? `Asked for the end of ${id}.` : `${id} had ended already.`);
  };
  return html`<${Confirm} title="Cancel this run?" label="Cancel the run" danger act=${act} onClose=${onClose}>
    <p>All tasks of <code>${id}</code> that are not over end. What they have done stays done.</p>
    <div class="field"><label for=${field}>Reason</label>
      <input id=${field} value=${reason} maxlength="2000" placeholder="asked for by an operator" onInput=${(event) => setReason(event.target.value)} />
      <span class="hint">It is in the journal, for those who ask why.</span></div>
  <//>`;
}

export function RetryRun({ id, onClose }) {
  const act = async () => {
    const task = await post(`/v1/runs/${encodeURIComponent(id)}/retry`);
    toast(`${task.run} does it again.`);
    go("runs", task.run);
  };
  return html`<${Confirm} title="Do this run again?" label="Run it again" act=${act} onClose=${onClose}>
    <p>A new run begins with the same agent and input as <code>${id}</code>. All its effects are had anew.</p>
  <//>`;
}

/** `at` is the `seq` that is looked at, `last` the run's last, `root` its root task as the fold has it. */
export function ForkRun({ id, at, last, root, onClose }) {
  const [from, setFrom] = useState(String(at || last));
  const [changes, setChanges] = useState(false);
  const [run, busy, error] = useAction();
  const agent = useAgent(root?.agent);
  const field = useId();
  const fork = async (input) => {
    const task = await post(`/v1/runs/${encodeURIComponent(id)}/fork`, { at: from === "" ? null : Number(from), input });
    onClose();
    toast(`${task.run} goes on from ${id}.`);
    go("runs", task.run);
  };
  return html`<${Dialog} title="Fork this run" onClose=${onClose}>
    <p>A new run goes on from one of its events: what tools and models had answered by then is taken as given, and asked anew from there on.</p>
    <div class="field"><label for="${field}-at">After event</label>
      <input id="${field}-at" type="number" min="1" value=${from} onInput=${(event) => setFrom(event.target.value)} aria-describedby="${field}-hint" />
      <span class="hint" id="${field}-hint">The number of an event of this run; the last is ${last}.</span></div>
    <p class="check"><input id="${field}-input" type="checkbox" checked=${changes} onChange=${() => setChanges(!changes)} />
      <label for="${field}-input">with another input</label></p>
    ${changes && agent
      ? html`<${SchemaForm} schema=${agent.schema} initial=${root?.input} submitLabel="Fork" at="/input" onSubmit=${fork} />`
      : html`<${Failure} error=${error} /><footer><button type="button" class="primary" disabled=${busy || changes} onClick=${() => run(() => fork(null))}>${busy ? "…" : "Fork"}</button></footer>`}
  <//>`;
}

// An agent that is gone has no schema any more; its input is then JSON.
function useAgent(name) {
  const [agent, setAgent] = useState(null);
  useEffect(() => {
    if (!name) return;
    get(`/v1/agents/${encodeURIComponent(name)}`).then(setAgent, () => setAgent({ schema: {} }));
  }, [name]);
  return agent;
}
