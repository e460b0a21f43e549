// A run on the page: its recording, what comes to it, and the moment that is shown.

import { send, withQuery } from "./api.js";
import { paced } from "./paced.js";
import { Replay } from "./replay.js";
import { route, setQuery } from "./route.js";
import { asEvent, EventStream } from "./stream.js";
import { useCallback, useEffect, useReducer, useRef } from "./ui.js";

const PAGE = 5000;
const AGAIN = 1000; // ms until the kernel is asked again that could not be reached
const DRAWN = 60; // ms from one drawing to the next, at least

/**
 * `{replay, loading, error, over, atEnd, seek(position), tell(seq)}`. While `atEnd`, the page follows the
 * run; `over` says that it has ended. `tell` puts a moment into the address. `at` is the `seq` to show first, or "" for the end.
 */
export function useReplay(id, at) {
  const [, redraw] = useReducer((drawn) => drawn + 1, 0);
  const state = useRef(null);
  if (state.current?.id !== id) state.current = { id, replay: new Replay(id), loading: true, error: null, over: false, atEnd: !at, told: at };
  const own = state.current;

  useEffect(() => {
    const abort = new AbortController();
    const [draw, end] = paced(redraw, DRAWN);
    own.draw = draw;
    const take = (events) => {
      own.replay.add(events);
      if (own.atEnd) own.replay.seek(Infinity);
      own.over ||= events.some((event) => isLast(event));
      draw();
    };
    const stream = { close() {} };
    follow(id, own, take, abort.signal, stream)
      .catch((error) => abort.signal.aborted || (own.error = error))
      .finally(() => {
        own.loading = false;
        if (!own.atEnd) own.replay.seek(own.replay.positionOf(Number(at)));
        redraw();
      });
    return () => {
      abort.abort();
      stream.close();
      end();
    };
  }, [id]);

  const seek = useCallback((position) => {
    own.replay.seek(position);
    own.atEnd = own.replay.position >= own.replay.events.length;
    redraw();
  }, [id]);
  useAsked(own, seek);
  const tell = useCallback((seq) => {
    own.told = seq;
    setQuery({ at: seq });
  }, [id]);
  return { ...own, seek, tell };
}

// An address that names another moment than this page has put there, such as one that was typed.
function useAsked(own, seek) {
  useEffect(() => route.watch(({ parts, query }) => {
    const at = query.at || "";
    if (parts[1] !== own.id || own.loading || at === own.told) return;
    own.told = at;
    seek(at ? own.replay.positionOf(Number(at)) : Infinity);
  }), [own.id]);
}

// All that is recorded, and then what comes, until the run is over.
async function follow(id, own, take, signal, stream) {
  for (let after = 0; after !== null; ) {
    const { moments, next } = await recorded(id, after, own, signal);
    take(moments.map(({ event }) => asEvent(event)));
    after = own.replay.full ? null : next;
  }
  if (own.over || own.replay.full || signal.aborted) return;
  const from = String((own.replay.events.at(-1)?.seq ?? 0) + 1);
  const events = new EventStream({
    query: { run: id, from, slow: "wait" },
    onBatch: (items) => {
      take(items);
      if (own.over || own.replay.full) events.close();
    },
  }).start();
  stream.close = () => events.close();
}

// A part of the recording, however long the kernel cannot be reached.
async function recorded(id, after, own, signal) {
  for (;;) {
    try {
      // not by get(): that would keep the pages a second time
      const answer = await send("GET", withQuery(`/v1/runs/${encodeURIComponent(id)}/recording`, { after, limit: PAGE }), { signal });
      const told = await answer.json();
      own.error = null;
      return told;
    } catch (error) {
      if (signal.aborted || error.status < 500) throw error;
      own.error = error;
      own.draw();
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }
}

function isLast(event) {
  return event.type === "run.succeeded" || event.type === "run.failed" || event.type === "run.cancelled";
}
