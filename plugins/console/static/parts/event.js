// Events in full, as JSON.

import { get } from "../lib/api.js";
import { clock, pretty } from "../lib/format.js";
import { asEvent } from "../lib/stream.js";
import { html, useEffect, useState } from "../lib/ui.js";
import { Failure } from "./failure.js";

/** Some events of one row, each whole; what was too large for the stream is asked for. */
export function Events({ events }) {
  return html`<ul class="events">${events.map((event) => html`<li key=${event.seq}>
    <p class="title"><code>${event.type}</code> <span class="soft">${event.seq} · ${clock(event.at, { date: true })}</span></p>
    <${Whole} event=${event} />
  </li>`)}</ul>`;
}

function Whole({ event }) {
  const [state, setState] = useState({ event, error: null });
  useEffect(() => {
    if (!event.ref) return undefined;
    let gone = false;
    get(`/v1/events/${event.seq}`)
      .then((told) => gone || setState({ event: asEvent(told), error: null }))
      .catch((error) => gone || setState({ event, error }));
    return () => (gone = true);
  }, [event]);
  const { at, ref, coalesced, ...shown } = state.event;
  return html`<${Failure} error=${state.error} /><pre><code>${pretty(shown)}</code></pre>`;
}
