// Give an agent something to do.

import { post } from "../lib/api.js";
import { go } from "../lib/route.js";
import { html, useId, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Dialog } from "./dialog.js";
import { Empty, Pending } from "./failure.js";
import { SchemaForm } from "./schema-form.js";

/** A dialog that submits a task, to `agent` at first, and then shows its run. */
export function Submit({ agent = "", onClose }) {
  const agents = useApi("/v1/agents");
  const [chosen, setChosen] = useState(agent);
  const [priority, setPriority] = useState("5");
  const id = useId();
  const name = chosen || agents.value?.[0]?.name || "";
  const entry = agents.value?.find((one) => one.name === name);
  const submit = async (input) => {
    const task = await post("/v1/tasks", { agent: name, input, priority: Number(priority) });
    onClose();
    go("runs", task.run);
  };
  return html`<${Dialog} title="Submit a task" onClose=${onClose}>
    <${Pending} from=${agents} />
    ${agents.value?.length === 0 && html`<${Empty} title="There is no agent yet">
      <p>Spawn one on the page <a href="#/agents" onClick=${onClose}>Agents</a>, or by <code>retinue agents spawn NAME FILE.py:FUNCTION</code>.</p><//>`}
    ${entry && html`
      <div class="field"><label for="${id}-agent">Agent</label>
        <select id="${id}-agent" value=${name} onChange=${(event) => setChosen(event.target.value)}>
          ${agents.value.map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}
        </select></div>
      <${SchemaForm} key=${name} schema=${entry.schema} submitLabel="Submit" at="/input" onSubmit=${submit}>
        <div class="field"><label for="${id}-priority">Priority</label>
          <input id="${id}-priority" type="number" min="0" max="9" required value=${priority} onInput=${(event) => setPriority(event.target.value)} aria-describedby="${id}-hint" />
          <span class="hint" id="${id}-hint">0 to 9; 9 is the most urgent</span></div>
      <//>`}
  <//>`;
}
