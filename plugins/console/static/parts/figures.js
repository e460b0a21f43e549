// The figures that are plotted: events and tasks from the live events, the rest from what is polled.

import { count, size } from "../lib/format.js";
import { Series } from "../lib/series.js";
import { throughput } from "../lib/throughput.js";
import { html, useEffect, useRef } from "../lib/ui.js";
import { Plot } from "./plot.js";

const EVERY = 2; // seconds from one measurement to the next

export function Figures({ status, process }) {
  const depth = useMeasured(status, waiting(status));
  const memory = useMeasured(process, process?.memory);
  return html`<section class="column" aria-labelledby="figures">
    <h2 id="figures">The last ten minutes</h2>
    <div class="plots">
      <${Plot} title="Events a second" series=${throughput.events} format=${rate} />
      <${Plot} title="Tasks ended a second" series=${throughput.tasks} format=${rate} tone="--good" />
      <${Plot} title="Tasks failed a second" series=${throughput.failures} format=${rate} tone="--bad" />
      <${Plot} title="Messages in mailboxes" series=${depth} format=${rate} tone="--thought" />
      <${Plot} title="Memory" series=${memory} format=${size} tone="--tool" />
    </div>
    <p class="soft">Events are counted since the console was opened, mailboxes and memory while this page is.</p>
  </section>`;
}

function rate(number) {
  return number !== 0 && number < 10 && !Number.isInteger(number) ? number.toFixed(number < 0.1 ? 2 : 1) : count(Math.round(number));
}

function waiting(status) {
  return status.actors.reduce((sum, actor) => sum + actor.mailbox_count, 0);
}

function useMeasured(answer, value) {
  const series = useRef(null);
  series.current ??= new Series();
  useEffect(() => {
    if (value == null) return;
    const second = Math.floor(Date.now() / 1000);
    for (let ago = 0; ago < EVERY; ago += 1) series.current.set(second - ago, value);
  }, [answer]);
  return series.current;
}
