// Dialogs: the browser's own, so that focus and Escape are as everywhere.

import { html, useEffect, useId, useRef } from "../lib/ui.js";
import { useAction } from "../lib/use.js";
import { Failure } from "./failure.js";

/** A dialog, open while it is there; `onClose` is for Escape and the button. */
export function Dialog({ title, onClose, children, wide = false }) {
  const dialog = useRef(null);
  const id = useId();
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${dialog} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${cancel}>
    <header><h2 id=${id}>${title}</h2>
      <button type="button" class="quiet" aria-label="Close" onClick=${onClose}>×</button></header>
    ${children}
  </dialog>`;
}

/** Asks before something is done: `act()` may fail, and the dialog says why and stays. */
export function Confirm({ title, label, danger = false, act, onClose, children }) {
  const [run, busy, error] = useAction();
  const submit = async (event) => {
    event.preventDefault();
    const done = await run(async () => {
      await act();
      return true;
    });
    if (done) onClose();
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${submit}>
      ${children}
      <${Failure} error=${error} />
      <footer>
        <button type="button" onClick=${onClose}>Back</button>
        <button class=${danger ? "danger" : "primary"} disabled=${busy}>${busy ? "…" : label}</button>
      </footer>
    </form>
  <//>`;
}
