// Plays a run from moment to moment, as fast as is wished.

import { SPEEDS } from "./replay.js";
import { useEffect, useRef, useState } from "./ui.js";

const TOLD = 400; // ms until the address has the moment that is shown
const DRAWN = 50; // ms from one drawing to the next while it plays, at least

/** `{playing, speed, at, play, pause, step, jump, setSpeed}`; `at` is the time that is shown, in ms. */
export function usePlayer({ replay, atEnd, loading, seek, tell }) {
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  const clock = useRef(0); // the time that is shown while it plays: also between two events
  useFrames(playing, (elapsed) => {
    clock.current += elapsed * speed;
    const position = replay.positionAt(clock.current);
    if (position !== replay.position) seek(position);
    if (clock.current >= replay.ended) setPlaying(false);
  });
  useAddress(loading, playing, atEnd, replay, tell);

  const jump = (position) => {
    seek(position);
    clock.current = replay.at;
  };
  const play = () => {
    if (atEnd) jump(0);
    clock.current = replay.position ? Math.max(replay.at, replay.began) : replay.began;
    setPlaying(true);
  };
  return {
    playing, speed, jump, play, pause: () => setPlaying(false),
    at: playing ? clock.current : replay.at,
    step: (by) => {
      setPlaying(false);
      jump(Math.max(0, replay.position + by));
    },
    faster: (by) => setSpeed((now) => SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(now) + by))]),
    setSpeed,
  };
}

function useFrames(wanted, onFrame) {
  const latest = useRef(onFrame);
  latest.current = onFrame;
  const [, draw] = useState(0);
  useEffect(() => {
    if (!wanted) return undefined;
    let last = performance.now();
    let frame = requestAnimationFrame(function next(now) {
      if (now - last >= DRAWN) {
        latest.current(now - last);
        last = now;
        draw(now);
      }
      frame = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(frame);
  }, [wanted]);
}

// The address has the moment once it stays: a browser counts how often it is changed.
function useAddress(loading, playing, atEnd, replay, tell) {
  const { position } = replay;
  useEffect(() => {
    if (loading || playing) return undefined;
    const seq = atEnd ? "" : String(replay.events[position - 1]?.seq ?? 0);
    const timer = setTimeout(() => tell(seq), TOLD);
    return () => clearTimeout(timer);
  }, [loading, playing, atEnd, atEnd ? 0 : position]);
}
