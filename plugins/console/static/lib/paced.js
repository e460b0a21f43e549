// Work at a pace: at once when it is rare, and now and then when it is not.

/** `[run, end]`: `run()` calls `work` now, or once `least` ms have passed since it was last called. */
export function paced(work, least) {
  let last = -Infinity;
  let timer = 0;
  const act = () => {
    timer = 0;
    last = performance.now();
    work();
  };
  const run = () => {
    if (timer) return;
    const wait = last + least - performance.now();
    if (wait <= 0) act();
    else timer = setTimeout(act, wait);
  };
  return [run, () => clearTimeout(timer)];
}
