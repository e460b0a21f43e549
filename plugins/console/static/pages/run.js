// One run: what it did, what it does, and what it had done at any of its moments.

import { clock, duration } from "../lib/format.js";
import { rowFilter } from "../lib/filter.js";
import { useKeys } from "../lib/keys.js";
import { href, setQuery } from "../lib/route.js";
import { may, me } from "../lib/session.js";
import { useSignal } from "../lib/signal.js";
import { plainRow } from "../lib/trace.js";
import { span } from "../lib/timeline.js";
import { html, useMemo, useRef, useState } from "../lib/ui.js";
import { useApi, useNow } from "../lib/use.js";
import { usePlayer } from "../lib/use-player.js";
import { useReplay } from "../lib/use-replay.js";
import { Empty, Failure } from "../parts/failure.js";
import { Filters } from "../parts/filters.js";
import { Player } from "../parts/player.js";
import { RunHead } from "../parts/run-head.js";
import { RunTimeline } from "../parts/run-timeline.js";
import { RunTree } from "../parts/run-tree.js";
import { TraceList } from "../parts/trace.js";

const VIEWS = [["tree", "Tree"], ["timeline", "Timeline"], ["trace", "Trace"], ["events", "Events"]];

export function Run({ id, query }) {
  useSignal(me);
  const here = useReplay(id, query.at || "");
  const player = usePlayer(here);
  const ticking = useNow(1);
  const { replay, atEnd } = here;
  const rest = useApi(replay.full ? `/v1/runs/${encodeURIComponent(id)}` : "", { on: ["run."] }); // what no longer comes here
  const over = here.over || rest.value?.ended != null;
  const view = VIEWS.some(([name]) => name === query.view) ? query.view : "tree";
  useKeys("Run", [
    [" ", "play or pause", () => (player.playing ? player.pause() : player.play())],
    [".", "one event on", () => player.step(1)],
    [",", "one event back", () => player.step(-1)],
    ["]", "faster", () => player.faster(1)],
    ["[", "slower", () => player.faster(-1)],
    ["0", "to the beginning", () => player.jump(0)],
    ["e", "to the end, and follow it", () => player.jump(Infinity)],
    ...VIEWS.map(([name, title], index) => [String(index + 1), title, () => setQuery({ view: name })]),
  ]);
  if (here.error && !replay.events.length) return html`<h1>Run ${id}</h1><${Failure} error=${here.error} />`;
  if (!replay.events.length && here.loading) return html`<h1>Run ${id}</h1><p class="pending" role="status">Loading…</p>`;
  if (!replay.events.length) return html`<h1>Run ${id}</h1><${Empty} title="Nothing of this run is kept any more"><p>The journal was trimmed past it.</p><//>`;
  const now = atEnd ? replay.run.ended ?? Math.max(ticking, replay.ended) : Math.max(player.at, replay.at);
  return html`
    <${RunHead} id=${id} replay=${replay} over=${over} atEnd=${atEnd} now=${now} query=${query} allowed=${may("operator")} />
    <${Notices} here=${here} />
    <${Player} replay=${replay} player=${player} atEnd=${atEnd} over=${over} />
    <nav class="tabs" aria-label="Views of the run"><ul>${VIEWS.map(([name, title]) => html`<li key=${name}>
      <a href=${href("runs", id, { ...query, view: name, open: null, row: null })} aria-current=${name === view ? "page" : null}>${title}</a></li>`)}</ul></nav>
    <${View} key=${view} view=${view} replay=${replay} query=${query} now=${now} atEnd=${atEnd} />`;
}

function Notices({ here }) {
  const { replay, error } = here;
  return html`<${Failure} error=${error} />
    ${replay.events[0].type !== "run.started" && html`<p class="notice warn">The beginning of this run is no longer kept: the journal was trimmed past it.</p>`}
    ${replay.full && html`<p class="notice warn">This page holds the run's first ${replay.events.length.toLocaleString("en-US")} events; <code>retinue log</code> has the rest.</p>`}`;
}

function View({ view, replay, query, now, atEnd }) {
  const { run } = replay;
  const open = query.open || "";
  const onOpen = (key) => setQuery({ open: key });
  if (view === "trace" || view === "events") return html`<${Rows} replay=${replay} query=${query} plain=${view === "events"} />`;
  if (!run.tasks.size) return html`<${Empty} title="No task had begun by then"><p>Play the run, or step on.</p><//>`;
  if (view === "tree") return html`<${RunTree} run=${run} now=${now} open=${open} onOpen=${onOpen} />`;
  const extent = atEnd ? span(run, now) : { from: replay.began, to: Math.max(replay.ended, replay.began + 1) };
  return html`<${RunTimeline} run=${run} extent=${extent} now=${now} cursor=${!atEnd} open=${open} onOpen=${onOpen} />`;
}

function Rows({ replay, query, plain }) {
  const { agent = "", type = "", text = "", row = "" } = query;
  const filters = agent || type || text;
  const wanted = useMemo(() => (filters ? rowFilter({ agent, type, text }) : null), [agent, type, text]);
  const rows = usePlainRows(replay, plain);
  const agents = [...new Set([...replay.run.tasks.values()].map((task) => task.agent))];
  return html`<${TraceList} rows=${plain ? rows : replay.trace.rows} wanted=${wanted} withRun=${false} open=${row}
        label=${plain ? "Events of the run" : "Trace of the run"}
        head=${html`<${Filters} query=${query} agents=${agents} fields=${["agent", "type", "text"]} />`}
        onOpen=${(key) => setQuery({ row: key })} onAgent=${(name) => setQuery({ agent: name === agent ? null : name })}>
      <${Empty} title=${filters ? "No event of this run matches" : "Nothing had happened by then"} />
    <//>`;
}

// Rows of the events so far: what was made before is kept.
function usePlainRows(replay, wanted) {
  const made = useRef([]);
  if (!wanted) return [];
  const rows = made.current;
  for (let at = rows.length; at < replay.position; at += 1) rows.push(plainRow(replay.events[at]));
  return replay.position === rows.length ? rows : rows.slice(0, replay.position);
}
