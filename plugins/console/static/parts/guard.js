// A page that fails says so, and takes no other with it.

import { html, useErrorBoundary } from "../lib/ui.js";

export function Guard({ children }) {
  const [error, reset] = useErrorBoundary((caught) => console.error(caught));
  if (!error) return children;
  return html`<section class="notice bad" role="alert">
    <h1>This page failed</h1><p>${String(error)}</p>
    <button onClick=${reset}>Try again</button>
  </section>`;
}
