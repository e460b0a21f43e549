// The fields of a form made from a JSON Schema: one for each kind of shape.

import { draftOf, isTwoState, join, row } from "../lib/draft.js";
import { hintOf } from "../lib/schema.js";
import { html, useId } from "../lib/ui.js";

/** A field, or a group of them. `onDraft` takes the new draft, or a function of the one before. */
export function SchemaField(given) {
  const { shape } = given;
  if (shape.kind === "object") return html`<${ObjectField} ...${given} />`;
  if (shape.kind === "list") return html`<${ListField} ...${given} />`;
  if (shape.kind === "union") return html`<${UnionField} ...${given} />`;
  if (shape.kind === "const") return given.required && given.name ? html`<${ConstField} ...${given} />` : null;
  if (shape.kind === "boolean" && isTwoState(shape, given.required)) return html`<${BoxField} ...${given} />`;
  return html`<${PlainField} ...${given} />`;
}

function PlainField({ shape, draft, path, name = "Value", required, wrong, onDraft }) {
  const id = useId();
  const hint = hintOf(shape);
  const bad = wrong[path];
  const needed = required && !shape.nullable && !shape.hasDefault;
  const common = {
    id, name: path || "value",
    "aria-describedby": [hint && `${id}-hint`, bad && `${id}-wrong`].filter(Boolean).join(" ") || null,
    "aria-invalid": bad ? "true" : null, "aria-required": needed ? "true" : null,
  };
  return html`<div class="field">
    <${Label} id=${id} name=${name} title=${shape.title} needed=${needed} />
    <${Control} shape=${shape} draft=${draft} onDraft=${onDraft} common=${common} needed=${needed} />
    <${Notes} id=${id} hint=${hint} bad=${bad} />
  </div>`;
}

function Control({ shape, draft, onDraft, common, needed }) {
  const typed = (event) => onDraft(event.target.value);
  if (shape.kind === "choice") {
    return html`<select ...${common} value=${draft} onChange=${typed}>
      ${(draft === "" || !needed) && html`<option value="">${needed ? "Choose…" : "Not given"}</option>`}
      ${shape.options.map((one, index) => html`<option value=${String(index)}>${typeof one === "string" ? one : JSON.stringify(one)}</option>`)}
    </select>`;
  }
  if (shape.kind === "boolean") {
    const options = [["", "Not given"], ["true", "Yes"], ["false", "No"]];
    const chosen = (event) => onDraft({ true: true, false: false }[event.target.value] ?? null);
    return html`<select ...${common} value=${draft === null ? "" : String(draft)} onChange=${chosen}>
      ${options.map(([value, label]) => html`<option value=${value}>${label}</option>`)}</select>`;
  }
  if (shape.kind === "json" || shape.long) {
    return html`<textarea ...${common} rows=${shape.kind === "json" ? 4 : 3} spellcheck=${shape.kind !== "json"} value=${draft} onInput=${typed}></textarea>`;
  }
  const numeric = shape.kind !== "text";
  const type = shape.secret ? "password" : numeric ? "text" : shape.type;
  const mode = shape.kind === "integer" ? "numeric" : numeric ? "decimal" : null;
  return html`<input ...${common} type=${type} inputmode=${mode} autocomplete=${shape.secret ? "new-password" : "off"} value=${draft} onInput=${typed} />`;
}

function BoxField({ shape, draft, path, name = "Value", wrong, onDraft }) {
  const id = useId();
  const hint = hintOf(shape);
  const bad = wrong[path];
  return html`<div class="field">
    <div class="check"><input type="checkbox" id=${id} name=${path} checked=${draft} aria-invalid=${bad ? "true" : null}
      aria-describedby=${[hint && `${id}-hint`, bad && `${id}-wrong`].filter(Boolean).join(" ") || null}
      onChange=${(event) => onDraft(event.target.checked)} /><label for=${id}>${shape.title || name}</label></div>
    <${Notes} id=${id} hint=${hint} bad=${bad} />
  </div>`;
}

function ConstField({ shape, name }) {
  return html`<p class="field"><span class="soft">${name}</span> <code>${JSON.stringify(shape.value)}</code></p>`;
}

function ObjectField({ shape, draft, path, name, required, wrong, onDraft }) {
  const id = useId();
  const optional = name !== undefined && (!required || shape.nullable);
  const set = (key, next) => onDraft((before) => ({ ...before, fields: { ...before.fields, [key]: applied(next, before.fields[key]) } }));
  const body = draft && html`
    ${shape.fields.length === 0 && !shape.free && html`<p class="soft">It takes nothing.</p>`}
    ${shape.fields.map((one) => html`<${SchemaField} key=${one.name} shape=${one.shape} draft=${draft.fields[one.name]}
      path=${join(path, one.name)} name=${one.name} required=${one.required} wrong=${wrong} onDraft=${(next) => set(one.name, next)} />`)}
    ${(shape.free || draft.rest) && html`<div class="field"><label for="${id}-rest">Further fields</label>
      <textarea id="${id}-rest" rows="3" spellcheck=${false} placeholder="{}" aria-describedby="${id}-rest-hint" value=${draft.rest}
        onInput=${(event) => onDraft((before) => ({ ...before, rest: event.target.value }))}></textarea>
      <span class="hint" id="${id}-rest-hint">as a JSON object</span></div>`}`;
  if (name === undefined) return html`<div class="schema-object">${body}</div>`;
  const bad = wrong[path];
  return html`<fieldset aria-invalid=${bad && !draft ? "true" : null} aria-describedby=${`${id}-hint`}>
    <legend>${optional
      ? html`<span class="check"><input type="checkbox" id=${id} checked=${draft !== null}
          onChange=${(event) => onDraft(event.target.checked ? draftOf({ ...shape, nullable: false, hasDefault: false }, undefined, true) : null)} />
          <label for=${id}>${shape.title || name}</label></span>`
      : shape.title || name}</legend>
    <${Notes} id=${id} hint=${shape.hint} bad=${bad} />
    ${body}
  </fieldset>`;
}

function ListField({ shape, draft, path, name = "Items", wrong, onDraft }) {
  const id = useId();
  const change = (rows) => onDraft((before) => ({ ...before, rows: rows(before.rows) }));
  const set = (own, next) => change((rows) => rows.map((one) => (one.id === own ? { ...one, draft: applied(next, one.draft) } : one)));
  const full = draft.rows.length >= shape.most;
  const focusAdd = () => requestAnimationFrame(() => document.getElementById(`${id}-add`)?.focus());
  const remove = (own) => {
    change((rows) => rows.filter((one) => one.id !== own));
    focusAdd();
  };
  return html`<fieldset class="schema-list" aria-describedby=${`${id}-hint`}>
    <legend>${shape.title || name}</legend>
    <${Notes} id=${id} hint=${shape.hint} bad=${wrong[path]} />
    ${draft.rows.map((one, index) => html`<div class="schema-row" key=${one.id}>
      <${SchemaField} shape=${shape.item} draft=${one.draft} path=${join(path, index)} name=${`${name} ${index + 1}`} required
        wrong=${wrong} onDraft=${(next) => set(one.id, next)} />
      <button type="button" class="quiet" aria-label=${`Remove ${name} ${index + 1}`} title="Remove" onClick=${() => remove(one.id)}>×</button>
    </div>`)}
    <button type="button" id="${id}-add" disabled=${full} onClick=${() => change((rows) => [...rows, row(shape)])}>
      Add ${draft.rows.length ? "another" : "one"}<span class="visually-hidden"> to ${name}</span></button>
  </fieldset>`;
}

function UnionField({ shape, draft, path, name = "Value", required, wrong, onDraft }) {
  const id = useId();
  const chosen = shape.variants[draft.variant];
  const optional = !required || shape.nullable || shape.hasDefault;
  const choose = (event) => {
    const variant = event.target.value;
    onDraft({ variant, draft: variant === "" ? null : draftOf(shape.variants[variant].shape) });
  };
  return html`<fieldset>
    <legend>${shape.title || name}</legend>
    <${Notes} id=${id} hint=${shape.hint} bad=${chosen ? null : wrong[path]} />
    <div class="field"><label for=${id}>Kind</label>
      <select id=${id} value=${draft.variant} onChange=${choose}>
        ${optional && html`<option value="">Not given</option>`}
        ${shape.variants.map((one, index) => html`<option value=${String(index)}>${one.label}</option>`)}
      </select></div>
    ${chosen && html`<${SchemaField} key=${draft.variant} shape=${chosen.shape} draft=${draft.draft} path=${path}
      name=${chosen.shape.kind === "object" ? undefined : name} required wrong=${wrong} onDraft=${(next) => onDraft((before) => ({ ...before, draft: applied(next, before.draft) }))} />`}
  </fieldset>`;
}

function Label({ id, name, title, needed }) {
  return html`<label for=${id}>${title || name}${needed && html` <span class="needed" title="needed" aria-hidden="true">*</span>`}</label>`;
}

function Notes({ id, hint, bad }) {
  return html`${hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}
    ${bad && html`<span class="wrong" id="${id}-wrong">${bad}</span>`}`;
}

function applied(next, before) {
  return typeof next === "function" ? next(before) : next;
}
