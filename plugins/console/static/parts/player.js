// The moment of a run that is shown: a slider, and what plays it.

import { clock, count, duration } from "../lib/format.js";
import { SPEEDS } from "../lib/replay.js";
import { html } from "../lib/ui.js";

export function Player({ replay, player, atEnd, over }) {
  const { events, position } = replay;
  const event = events[position - 1];
  const said = event ? `event ${count(position)} of ${count(events.length)}: ${event.type}` : `before the first of ${count(events.length)} events`;
  const passed = Math.max(0, player.at - replay.began) / 1000;
  return html`<section class="player" aria-label="Replay">
    <div class="buttons">
      <button type="button" title="To the beginning (0)" onClick=${() => player.jump(0)}>Start</button>
      <button type="button" title="One event back (,)" aria-label="One event back" disabled=${position === 0} onClick=${() => player.step(-1)}><span aria-hidden="true">◂</span></button>
      <button type="button" class="play" title="Space" onClick=${player.playing ? player.pause : player.play}>${player.playing ? "Pause" : "Play"}</button>
      <button type="button" title="One event on (.)" aria-label="One event on" disabled=${position >= events.length} onClick=${() => player.step(1)}><span aria-hidden="true">▸</span></button>
      <button type="button" title=${over ? "To the end (e)" : "To what happens now (e)"} aria-pressed=${atEnd} onClick=${() => player.jump(Infinity)}>${over ? "End" : "Live"}</button>
    </div>
    <input type="range" min="0" max=${events.length} step="1" value=${position} aria-label="Moment of the run" aria-valuetext=${said}
      onInput=${(event) => { player.pause(); player.jump(Number(event.target.value)); }} />
    <label class="speed"><span class="visually-hidden">Speed</span>
      <select value=${String(player.speed)} title="[ slower, ] faster" onChange=${(event) => player.setSpeed(Number(event.target.value))}>
        ${SPEEDS.map((speed) => html`<option key=${speed} value=${String(speed)}>${speed}×</option>`)}
      </select></label>
    <p class="moment mono soft">${duration(passed)} of ${duration(Math.max(0, replay.ended - replay.began) / 1000)} · ${clock(player.at)} · ${said}</p>
  </section>`;
}
