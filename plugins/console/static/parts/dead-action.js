// Redrive or purge dead letters, one after the other, and say which could not be.

import { post } from "../lib/api.js";
import { html, useId, useState } from "../lib/ui.js";
import { plural } from "../lib/format.js";
import { Confirm } from "./dialog.js";
import { toast } from "./toasts.js";

const VERBS = {
  redrive: { name: "Redrive", done: "redriven", means: "A task is done once more, as a new one; a message goes to its recipient." },
  purge: { name: "Purge", done: "purged", means: "It leaves this list; the journal keeps it." },
};

export function DeadAction({ verb, ids, onDone, onClose }) {
  const { name, done, means } = VERBS[verb];
  const [left, setLeft] = useState(ids); // after a failure: those that are still to be done
  const [reason, setReason] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const act = async () => {
    const failed = await each(left, verb, reason, setAt);
    if (left.length > failed.length) toast(`${plural(left.length - failed.length, "letter")} ${done}.`);
    if (!failed.length) return onDone();
    setLeft(failed.map(([one]) => one));
    throw told(failed, done);
  };
  return html`<${Confirm} title=${`${name} ${plural(left.length, "letter")}?`} label=${name} danger=${verb === "purge"} act=${act} onClose=${onClose}>
    <p>${left.length === 1 ? html`<code>${left[0]}</code>. ` : ""}${means}</p>
    ${verb === "purge" && html`<div class="field"><label for=${id}>Reason</label>
      <input id=${id} required maxlength="2000" autocomplete="off" value=${reason} onInput=${(event) => setReason(event.target.value)} /></div>`}
    ${at > 0 && html`<p role="status"><progress max=${left.length} value=${at}></progress> ${at} of ${left.length}</p>`}
  <//>`;
}

async function each(ids, verb, reason, onProgress) {
  const failed = [];
  for (const [at, id] of ids.entries()) {
    try {
      await post(`/v1/dead/${encodeURIComponent(id)}/${verb}`, verb === "purge" ? { reason } : {});
    } catch (error) {
      failed.push([id, error]);
    }
    if (ids.length > 1) onProgress(at + 1);
  }
  onProgress(0);
  return failed;
}

function told(failed, done) {
  const error = new Error(`${plural(failed.length, "letter")} could not be ${done}.`);
  error.errors = failed.slice(0, 20).map(([id, { message }]) => ({ path: id, detail: message }));
  return error;
}
