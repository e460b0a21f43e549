// A call of a tool, followed while it works.

import { Problem, send, withQuery } from "./api.js";
import { SseParser } from "./sse.js";

/**
 * Call a tool; its result. `onChunk(value)` and `onProgress({done, total, note})` are told what comes
 * before. `signal` gives the call up. Raises `Problem`, with the fields that are wrong.
 */
export async function invoke(tool, args, { timeout, signal, onChunk = () => {}, onProgress = () => {} }) {
  const answer = await asked(tool, { args, timeout }, signal);
  let end = null;
  const parser = new SseParser(({ type, data }) => {
    const told = JSON.parse(data);
    if (type === "chunk") onChunk(told.value);
    else if (type === "progress") onProgress(told);
    else if (type === "result" || type === "error") end = { type, told };
  });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) parser.feed(next.value);
  if (!end) throw new Error("The connection ended before the call did; what became of it is in its events.");
  if (end.type === "error") throw new Problem(end.told.status, end.told);
  return end.told.result;
}

function asked(tool, body, signal) {
  const path = withQuery(`/v1/tools/${encodeURIComponent(tool)}/invoke`, { cancel_on_disconnect: "true" });
  const headers = { "content-type": "application/json", accept: "text/event-stream" };
  return send("POST", path, { headers, body: JSON.stringify(body), signal, timeout: 0 });
}
