// One call of a tool: its arguments, what it says on the way, and its result.

import { count, duration, pretty } from "../lib/format.js";
import { invoke } from "../lib/invoke.js";
import { html, useEffect, useId, useRef, useState } from "../lib/ui.js";
import { Age } from "./age.js";
import { SchemaForm } from "./schema-form.js";

const KEPT = 500; // pieces of output that are shown, the newest
const SHOWN = 200_000; // characters of a result
const SECONDS = { least: 0.1, most: 600, usual: 30 };

export function ToolCall({ name, schema }) {
  const [call, setCall] = useState(null); // {since, pieces, dropped, progress, took, result, ended}
  const [seconds, setSeconds] = useState(String(SECONDS.usual));
  const abort = useRef(null);
  const id = useId();
  useEffect(() => () => abort.current?.abort(), []);
  const kept = useBatches(setCall);

  const submit = async (args) => {
    const own = (abort.current = new AbortController());
    const since = Date.now();
    kept.begin();
    setCall({ since, pieces: [], dropped: 0, progress: null, ended: "" });
    const end = (more) => {
      kept.flush();
      setCall((before) => ({ ...before, ...more, took: (Date.now() - since) / 1000 }));
    };
    try {
      const result = await invoke(name, args, {
        timeout: Math.min(SECONDS.most, Math.max(SECONDS.least, Number(seconds) || SECONDS.usual)),
        signal: own.signal, onChunk: kept.chunk, onProgress: kept.progress,
      });
      end({ ended: "succeeded", result });
    } catch (error) {
      end({ ended: own.signal.aborted ? "cancelled" : "failed" });
      if (!own.signal.aborted) throw error;
    }
  };
  return html`<div class="tool-call">
    <${SchemaForm} schema=${schema} at="/args" submitLabel="Call" onSubmit=${submit}>
      <details class="field"><summary>Options</summary>
        <label for=${id}>Seconds that it may take</label>
        <input id=${id} type="number" min=${SECONDS.least} max=${SECONDS.most} step="any" value=${seconds} onInput=${(event) => setSeconds(event.target.value)} /></details>
    <//>
    ${call && html`<${Outcome} call=${call} onCancel=${() => abort.current?.abort()} />`}
  </div>`;
}

function Outcome({ call, onCancel }) {
  return html`<section class="outcome" aria-label="What came of the call">
    <p><span role="status">${call.ended ? `It ${ENDED[call.ended]} after ${duration(call.took)}.` : "It works."}</span>
      ${!call.ended && html` <span class="soft"><${Age} since=${call.since / 1000} /></span>
        <button type="button" onClick=${onCancel}>Cancel</button>`}</p>
    ${call.progress && html`<${Progress} told=${call.progress} />`}
    ${call.pieces.length > 0 && html`<h3>Output</h3>
      ${call.dropped > 0 && html`<p class="soft">The first ${count(call.dropped)} pieces are not shown.</p>`}
      <pre tabindex="0" aria-label="Output">${joined(call.pieces)}</pre>`}
    ${call.ended === "succeeded" && html`<h3>Result</h3><pre tabindex="0" aria-label="Result">${cut(pretty(call.result))}</pre>`}
  </section>`;
}

const ENDED = { succeeded: "is done", failed: "failed", cancelled: "was cancelled" };

function Progress({ told: { done, total, note } }) {
  const of = total > 0 ? `${count(done)} of ${count(total)}` : count(done);
  return html`<p class="progress-told"><progress max=${total > 0 ? total : null} value=${total > 0 ? done : null} aria-label="Progress">${of}</progress> ${of}${note && `, ${note}`}</p>`;
}

// What a tool says comes as fast as it likes; it is drawn once a frame.
function useBatches(setCall) {
  const state = useRef({ pieces: [], progress: null, frame: 0 }).current;
  const flush = () => {
    cancelAnimationFrame(state.frame);
    state.frame = 0;
    const { pieces, progress } = state;
    Object.assign(state, { pieces: [], progress: null });
    setCall((before) => {
      const all = [...before.pieces, ...pieces];
      const over = Math.max(0, all.length - KEPT);
      return { ...before, pieces: all.slice(over), dropped: before.dropped + over, progress: progress || before.progress };
    });
  };
  const soon = () => (state.frame ||= requestAnimationFrame(flush));
  return {
    begin: () => Object.assign(state, { pieces: [], progress: null }),
    chunk: (value) => (state.pieces.push(value), soon()),
    progress: (told) => ((state.progress = told), soon()),
    flush,
  };
}

// Pieces of text in order are the whole; others stand each on its own line.
function joined(pieces) {
  const texts = pieces.every((piece) => typeof piece === "string");
  return cut(texts ? pieces.join("") : pieces.map((piece) => JSON.stringify(piece)).join("\n"));
}

function cut(text) {
  const whole = text ?? "null";
  return whole.length > SHOWN ? `${whole.slice(0, SHOWN)}… (${count(whole.length - SHOWN)} more characters)` : whole;
}
