// Hooks that pages share.

import { get } from "./api.js";
import { subscribe } from "./live.js";
import { useCallback, useEffect, useRef, useState } from "./ui.js";

const QUIET = 400; // ms between two looks at the same thing, however much happens
const REST = 2; // times as long as the answer took
const LONGEST = 10_000; // ms

/**
 * What the API says at `path` (none is asked for ""), now and whenever an event comes whose type
 * begins with one of `on`, or `every` so many seconds: `{value, error, loading, reload}`. The value
 * before stays while the next one is on its way, and when it cannot be had.
 */
export function useApi(path, { on = [], every = 0 } = {}) {
  const [state, setState] = useState({ value: null, error: null, loading: true, path });
  const asked = useRef(null);
  const load = useCallback(async () => {
    asked.current?.abort();
    if (!path) return;
    const abort = (asked.current = new AbortController());
    try {
      const value = await get(path, { signal: abort.signal });
      setState({ value, error: null, loading: false, path });
    } catch (error) {
      if (abort.signal.aborted) return;
      setState((before) => ({ value: before.path === path ? before.value : null, error, loading: false, path }));
    }
  }, [path]);

  useEffect(() => {
    setState((before) => (before.path === path ? before : { value: null, error: null, loading: true, path }));
    load();
    return () => asked.current?.abort();
  }, [load]);
  useEvery(load, every);
  useOnEvents(load, on);
  return { ...state, value: state.path === path ? state.value : null, reload: load };
}

/**
 * Call `load` soon after an event whose type begins with one of `on`, at most every QUIET ms. It is
 * waited for, and rests for longer than it took: however much happens, the kernel is not kept busy by it.
 */
export function useOnEvents(load, on) {
  const prefixes = on.join(" ");
  useEffect(() => {
    if (!prefixes) return undefined;
    const wanted = prefixes.split(" ");
    let timer = 0;
    let again = false;
    let ended = false;
    const soon = () => (timer = setTimeout(look, QUIET));
    const rested = () => {
      timer = 0;
      if (again) soon();
    };
    const look = async () => {
      again = false;
      const begun = performance.now();
      await load();
      if (!ended) timer = setTimeout(rested, Math.min(LONGEST, REST * (performance.now() - begun)));
    };
    const end = subscribe((items) => {
      if (!items.some((item) => item.gap || wanted.some((one) => item.type.startsWith(one)))) return;
      again = true;
      if (!timer) soon();
    });
    return () => {
      ended = true;
      clearTimeout(timer);
      end();
    };
  }, [load, prefixes]);
}

/** Call `run` every so many seconds, while the page is looked at; 0 is never. */
export function useEvery(run, seconds) {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    if (!seconds) return undefined;
    const timer = setInterval(() => document.hidden || latest.current(), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
}

/** The time in ms, drawn again every so many seconds: for ages and countdowns. */
export function useNow(seconds = 1) {
  const [now, setNow] = useState(Date.now());
  useEvery(() => setNow(Date.now()), seconds);
  return now;
}

/** `[run, busy, error]`: `run(work)` does asynchronous work once at a time and keeps its error. */
export function useAction() {
  const [state, setState] = useState({ busy: false, error: null });
  const running = useRef(false);
  const run = useCallback(async (work) => {
    if (running.current) return undefined;
    running.current = true;
    setState({ busy: true, error: null });
    try {
      const result = await work();
      setState({ busy: false, error: null });
      return result;
    } catch (error) {
      setState({ busy: false, error });
      return undefined;
    } finally {
      running.current = false;
    }
  }, []);
  return [run, state.busy, state.error];
}
