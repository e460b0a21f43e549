// What can be done with an agent: give it work, stop it; and start another one.

import { del, post, withQuery } from "../lib/api.js";
import { go } from "../lib/route.js";
import { may } from "../lib/session.js";
import { html, useId, useMemo, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Confirm, Dialog } from "./dialog.js";
import { Pending } from "./failure.js";
import { SchemaForm } from "./schema-form.js";
import { toast } from "./toasts.js";

/** A form for the agent's input; what is submitted is then watched. */
export function WorkForm({ agent, focus = false }) {
  const id = useId();
  const [priority, setPriority] = useState("5");
  const submit = async (input) => {
    const task = await post("/v1/tasks", { agent: agent.name, input, priority: Number(priority) });
    toast(`${agent.name} has a new task`);
    go("runs", task.run);
  };
  return html`<${SchemaForm} schema=${agent.schema} at="/input" submitLabel="Submit" focus=${focus} onSubmit=${submit} disabled=${!may("operator")}>
    <details class="field"><summary>Options</summary>
      <label for=${id}>Priority</label>
      <select id=${id} value=${priority} onChange=${(event) => setPriority(event.target.value)}>
        ${[..."9876543210"].map((one) => html`<option value=${one}>${one}${{ 9: ", the most urgent", 5: ", as usual" }[one]}</option>`)}
      </select></details>
  <//>`;
}

export function StopAgent({ agent, onClose, onStopped }) {
  const id = useId();
  const [reason, setReason] = useState("");
  const stop = async () => {
    await del(withQuery(`/v1/agents/${encodeURIComponent(agent.name)}`, { reason }));
    toast(`${agent.name} is stopped`);
    onStopped?.();
  };
  return html`<${Confirm} title="Stop ${agent.name}?" label="Stop it" danger act=${stop} onClose=${onClose}>
    <p>It takes no more work; its open tasks fail with the reason.</p>
    <div class="field"><label for=${id}>Reason</label>
      <input id=${id} value=${reason} placeholder="asked for by an operator" autocomplete="off" onInput=${(event) => setReason(event.target.value)} /></div>
  <//>`;
}

/** Starts an agent, with a form made from what the API takes. */
export function SpawnAgent({ onClose }) {
  const told = useApi("/openapi.json");
  const schema = useMemo(() => spawnSchema(told.value), [told.value]);
  const spawn = async (given) => {
    const agent = await post("/v1/agents", given);
    toast(`${agent.name} is there`);
    go("agents", agent.name);
  };
  return html`<${Dialog} title="Spawn an agent" onClose=${onClose}>
    <p class="soft">The daemon imports the code on its own machine, as its own user.</p>
    ${schema ? html`<${SchemaForm} schema=${schema} submitLabel="Spawn" focus onSubmit=${spawn} disabled=${!may("admin")} />` : html`<${Pending} from=${told} />`}
  <//>`;
}

function spawnSchema(document) {
  return document && { $ref: "#/components/schemas/Spawn", components: document.components };
}
