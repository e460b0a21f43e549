// Grant or deny one call, with a reason.

import { post } from "../lib/api.js";
import { html, useId, useState } from "../lib/ui.js";
import { brief } from "../lib/format.js";
import { Confirm } from "./dialog.js";
import { toast } from "./toasts.js";

const VERBS = {
  grant: { title: "Grant this call?", label: "Grant", told: "granted", means: "It goes on, once, with exactly these arguments." },
  deny: { title: "Deny this call?", label: "Deny", told: "denied", means: "It fails with your reason, and the same call is not asked for again in its run." },
};

export function Answer({ approval, verb, onDone, onClose }) {
  const { title, label, told, means } = VERBS[verb];
  const [reason, setReason] = useState("");
  const id = useId();
  const act = async () => {
    await post(`/v1/approvals/${encodeURIComponent(approval.id)}/${verb}`, { reason });
    toast(`${approval.resource} was ${told}.`);
    setTimeout(onDone);
  };
  return html`<${Confirm} title=${title} label=${label} danger=${verb === "deny"} act=${act} onClose=${onClose}>
    <p>${approval.action} <code>${approval.resource}</code> <code>${brief(approval.args, 400)}</code></p>
    <p class="soft">${means}</p>
    <div class="field"><label for=${id}>Reason</label>
      <input id=${id} maxlength="1900" autocomplete="off" value=${reason} aria-describedby=${`${id}-hint`} onInput=${(event) => setReason(event.target.value)} />
      <span class="hint" id=${`${id}-hint`}>For those who read the events later; it may be empty.</span></div>
  <//>`;
}
