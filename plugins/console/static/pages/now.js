// What happens, while it does.

import { rowFilter } from "../lib/filter.js";
import { filled, recent, subscribe } from "../lib/live.js";
import { useKeys } from "../lib/keys.js";
import { paced } from "../lib/paced.js";
import { setQuery } from "../lib/route.js";
import { may, me } from "../lib/session.js";
import { useSignal } from "../lib/signal.js";
import { Trace } from "../lib/trace.js";
import { html, useLayoutEffect, useMemo, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { Empty } from "../parts/failure.js";
import { Filters } from "../parts/filters.js";
import { Submit } from "../parts/submit.js";
import { TraceList } from "../parts/trace.js";

const DRAWN = 60; // ms from one drawing of the list to the next, at least

export function Now({ query }) {
  useSignal(me);
  const rows = useLiveRows();
  const agents = useApi("/v1/agents", { on: ["agent.spawned", "agent.stopped"] });
  const [submits, setSubmits] = useState(false);
  const { run = "", agent = "", type = "", text = "" } = query;
  const filters = run || agent || type || text;
  const wanted = useMemo(() => (filters ? rowFilter({ run, agent, type, text }) : null), [run, agent, type, text]);
  const allowed = may("operator");
  useKeys("Now", allowed ? [["s", "submit a task", () => setSubmits(true)]] : []);
  return html`
    <div class="page-head"><h1>Now</h1>
      <button type="button" class="primary" disabled=${!allowed} title=${allowed ? "s" : "This takes the role operator"} onClick=${() => setSubmits(true)}>Submit a task</button>
    </div>
    <${TraceList} rows=${rows} wanted=${wanted} label="What happens, newest last" frozen open=${query.row || ""}
        head=${html`<${Filters} query=${query} agents=${agents.value?.map(({ name }) => name)} />`}
        onOpen=${(row) => setQuery({ row })} onAgent=${(name) => setQuery({ agent: name === agent ? null : name })}>
      ${filters
        ? html`<${Empty} title="Nothing of the last 5,000 events matches"><p>What is older is in its run, and in <code>retinue log</code>.</p><//>`
        : html`<${Empty} title="Nothing has happened yet"><p>Submit a task here, or by <code>retinue submit echo --input '{"text": "hello"}'</code>.</p><//>`}
    <//>
    ${submits && html`<${Submit} agent=${agent} onClose=${() => setSubmits(false)} />`}`;
}

// The rows of all that the console holds, folded as it comes.
function useLiveRows() {
  const [state, setState] = useState({ rows: [] });
  const anew = useSignal(filled);
  useLayoutEffect(() => {
    const trace = new Trace().add(recent);
    const [draw, end] = paced(() => setState({ rows: trace.rows }), DRAWN);
    draw();
    const leave = subscribe((items) => {
      trace.add(items);
      draw();
    });
    return () => {
      leave();
      end();
    };
  }, [anew]);
  return state.rows;
}
