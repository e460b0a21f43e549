// What went wrong, with the fields that the API names; and what there is while there is nothing.

import { html } from "../lib/ui.js";

export function Failure({ error }) {
  if (!error) return null;
  return html`<div class="notice bad" role="alert"><p>${error.message}</p>
    ${error.errors?.length > 0 && html`<ul>${error.errors.map(({ path, detail }) => html`<li><code>${path}</code> ${detail}</li>`)}</ul>`}
  </div>`;
}

/** An empty state: says what would be here, and how it comes here. */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="title">${title}</p>${children}</div>`;
}

/** What stands for a value of `useApi` that is not there (yet): null once it is. */
export function Pending({ from }) {
  if (from.error) return html`<${Failure} error=${from.error} />`;
  if (from.loading) return html`<p class="pending" role="status">Loading…</p>`;
  return null;
}
