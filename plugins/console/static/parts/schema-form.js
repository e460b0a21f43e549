// A form made from a JSON Schema: an agent's input, a tool's arguments.

import { draftOf, keeps, pathsOf, placed, valueOf } from "../lib/draft.js";
import { shapeOf } from "../lib/schema.js";
import { html, useEffect, useId, useMemo, useRef, useState } from "../lib/ui.js";
import { useAction } from "../lib/use.js";
import { Failure } from "./failure.js";
import { SchemaField } from "./schema-fields.js";

/**
 * `onSubmit(value)` may fail: the fields that the API's problem names say so. `at` is where in the
 * request's body the value stands, as "/input". `initial` is a value to begin with, and `children`
 * further fields that stand before the button; `focus` takes the keyboard to the first field.
 */
export function SchemaForm(given) {
  const text = useMemo(() => JSON.stringify(given.schema), [given.schema]);
  return html`<${Form} key=${text} ...${given} />`; // another schema is another form
}

function Form({ schema, initial, submitLabel = "Submit", onSubmit, disabled = false, at = "", focus = false, children }) {
  const shape = useMemo(() => shapeOf(schema), [schema]);
  const [state, setState] = useState(() => begin(shape, initial));
  const [wrong, setWrong] = useState({ fields: {}, rest: [] });
  const [run, busy, error] = useAction();
  const form = useRef(null);
  const switchId = useId();
  useFocusOnWrong(form, wrong);
  useEffect(() => {
    if (focus) form.current.querySelector(".field :is(input, textarea, select)")?.focus();
  }, []);

  const submit = async (event) => {
    event.preventDefault();
    if (busy || disabled) return;
    const { value, errors } = valueIn(shape, state);
    setWrong(placed(errors, shownIn(shape, state)));
    if (errors.length) return;
    await run(async () => {
      try {
        await onSubmit(value);
      } catch (failed) {
        setWrong(placed(failed.errors || [], shownIn(shape, state), at));
        throw failed;
      }
    });
  };
  const typed = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.current.requestSubmit();
  };
  const toggle = () => {
    const next = switched(shape, state);
    setWrong(placed(next.error ? [{ path: "", detail: next.error }] : [], new Set()));
    if (!next.error) setState(next);
  };

  return html`<form class="schema-form" noValidate ref=${form} onSubmit=${submit} onKeyDown=${typed}>
    <p class="check as-json"><input type="checkbox" id=${switchId} checked=${state.text !== null} onChange=${toggle} />
      <label for=${switchId}>as JSON</label></p>
    ${state.text !== null
      ? html`<${WholeAsJson} text=${state.text} failed=${wrong.rest.length > 0} onText=${(text) => setState({ ...state, text })} />`
      : html`<${SchemaField} shape=${shape} draft=${state.draft} path="" required wrong=${wrong.fields}
          onDraft=${(draft) => setState((before) => ({ ...before, draft: typeof draft === "function" ? draft(before.draft) : draft }))} />`}
    ${children}
    ${!error && wrong.rest.length > 0 && html`<div class="notice bad" role="alert">${wrong.rest.map(({ detail }) => html`<p>${detail}</p>`)}</div>`}
    <${Failure} error=${error && { message: error.message, errors: wrong.rest }} />
    <footer><button class="primary" disabled=${busy || disabled}>${busy ? `${submitLabel}…` : submitLabel}</button></footer>
  </form>`;
}

function WholeAsJson({ text, failed, onText }) {
  const id = useId();
  return html`<div class="field"><label for=${id}>JSON</label>
    <textarea id=${id} rows="10" spellcheck=${false} aria-invalid=${failed || null} value=${text}
      onInput=${(event) => onText(event.target.value)}></textarea></div>`;
}

// `text` is null while fields are shown, `draft` null while JSON is.
function begin(shape, initial) {
  const plain = initial === undefined || keeps(shape, initial);
  return plain ? { draft: draftOf(shape, initial), text: null } : { draft: null, text: JSON.stringify(initial, null, 2) };
}

function switched(shape, state) {
  if (state.text === null) return { draft: null, text: JSON.stringify(valueOf(shape, state.draft).value ?? null, null, 2) };
  const { value, errors } = valueIn(shape, state);
  if (errors.length) return { error: errors[0].detail };
  if (!keeps(shape, value)) return { error: "The fields have no place for this; send it as JSON." };
  return { draft: draftOf(shape, value), text: null };
}

function valueIn(shape, state) {
  if (state.text === null) return valueOf(shape, state.draft);
  try {
    return { value: JSON.parse(state.text), errors: [] };
  } catch (error) {
    return { value: undefined, errors: [{ path: "", detail: `This is no JSON: ${error.message}` }] };
  }
}

function shownIn(shape, state) {
  return state.text === null ? pathsOf(shape, state.draft) : new Set();
}

function useFocusOnWrong(form, wrong) {
  useEffect(() => {
    form.current.querySelector("[aria-invalid=true]")?.focus();
  }, [wrong]);
}
