// One figure over the last ten minutes: a plot, and in words what it shows.

import { colour, plots } from "../lib/plots.js";
import { SPAN, summary } from "../lib/series.js";
import { html, useEffect, useId, useRef, useState } from "../lib/ui.js";
import { useNow } from "../lib/use.js";
import { clock } from "../lib/format.js";
import { theme } from "./theme.js";

const HEIGHT = 130;
const MINUTE = 60;

/** `format(value)` gives a value's words; `tone` is a token. */
export function Plot({ title, series, format, tone = "--accent" }) {
  const last = Math.floor(useNow(1) / 1000) - 1; // the second that is over
  const values = series.read(last - SPAN + 1, last);
  const id = useId();
  const [place, error] = usePlot(values, last, { format, tone });
  return html`<figure class="plot card" aria-labelledby=${id}>
    <figcaption id=${id}><strong>${title}</strong> <span class="soft">${words(summary(values), format)}</span></figcaption>
    ${error ? html`<p class="soft">${error.message}</p>` : html`<div class="canvas" ref=${place} aria-hidden="true"></div>`}
    <details><summary>By the minute</summary><${Minutes} values=${values} last=${last} format=${format} title=${title} /></details>
  </figure>`;
}

function words({ now, most, mean }, format) {
  if (now === null) return "nothing yet";
  return `now ${format(now)}, on average ${format(mean)}, at most ${format(most)}`;
}

function Minutes({ values, last, format, title }) {
  const rows = [];
  for (let end = values.length; end > 0; end -= MINUTE) {
    const { mean, most } = summary(values.slice(Math.max(0, end - MINUTE), end));
    rows.push({ time: last - (values.length - end), mean, most });
  }
  const cell = (value) => html`<td class="number">${value === null ? "—" : format(value)}</td>`;
  return html`<div class="scroll"><table><caption class="visually-hidden">${title} in each of the last ten minutes</caption>
    <thead><tr><th scope="col">Minute before</th><th scope="col" class="number">Mean</th><th scope="col" class="number">Most</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr><th scope="row">${clock(row.time * 1000, { fraction: false })}</th>${cell(row.mean)}${cell(row.most)}</tr>`)}</tbody>
  </table></div>`;
}

// The plot lives beside Preact: made once, given data each second, made anew when colours change.
function usePlot(values, last, { format, tone }) {
  const place = useRef(null);
  const drawn = useRef(null);
  const [error, setError] = useState(null);
  const [look, setLook] = useState(0);
  useEffect(() => onLook(() => setLook((before) => before + 1)), []);
  useEffect(() => {
    let gone = false;
    plots().then((uPlot) => {
      if (gone || !place.current) return;
      drawn.current = new uPlot(options(place.current, format, tone), data(values, last), place.current);
    }, setError);
    return () => {
      gone = true;
      drawn.current?.destroy();
      drawn.current = null;
    };
  }, [look]);
  useEffect(() => drawn.current?.setData(data(values, last)), [last]);
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => drawn.current?.setSize({ width: contentRect.width, height: HEIGHT }));
    if (place.current) observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return [place, error];
}

function onLook(changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", changed);
  const end = theme.watch(() => setTimeout(changed)); // after the page has taken it up
  return () => {
    system.removeEventListener("change", changed);
    end();
  };
}

function data(values, last) {
  return [values.map((_, at) => last - values.length + 1 + at), values];
}

function options(place, format, tone) {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  return {
    width: place.clientWidth, height: HEIGHT, cursor: { show: false }, legend: { show: false }, padding: [8, 4, 0, 0],
    scales: { y: { range: (_, _least, most) => [0, Math.max(1, (most ?? 0) * 1.1)] } },
    axes: [
      { ...axis, size: 24, space: 70, values: (_, times) => times.map((time) => clock(time * 1000, { fraction: false }).slice(0, 5)) },
      { ...axis, size: 56, space: 32, values: (_, marks) => marks.map(format) },
    ],
    series: [{}, { stroke: colour(tone), fill: colour(tone, 0.15), width: 1.5, points: { show: false }, spanGaps: true }],
  };
}
