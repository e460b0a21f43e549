// The API as this page uses it: JSON in, JSON out, problems as errors.

import { signOut, token } from "./session.js";

/** What the API answered instead: `status`, `title`, and `errors` as `[{path, detail}]`. */
export class Problem extends Error {
  constructor(status, told) {
    super(told.detail || told.title || `the kernel answered ${status}`);
    this.name = "Problem";
    this.status = status;
    this.title = told.title || "";
    this.errors = told.errors || [];
  }
}

/** The daemon cannot be reached. */
export class Unreachable extends Error {
  constructor(cause) {
    super("The kernel cannot be reached; the console tries again by itself.", { cause });
    this.name = "Unreachable";
  }
}

const TIMEOUT = 30_000;
const known = new Map(); // path -> {etag, value}: what did not change is not sent again
const KNOWN = 100;

export async function get(path, { signal } = {}) {
  const had = known.get(path);
  const answer = await send("GET", path, { signal, headers: had ? { "if-none-match": had.etag } : {} });
  if (answer.status === 304) return had.value;
  const value = await readJson(answer);
  const etag = answer.headers.get("etag");
  known.delete(path);
  if (etag) known.set(path, { etag, value });
  if (known.size > KNOWN) known.delete(known.keys().next().value);
  return value;
}

/** POST once: a repeat of the same call, by a bad connection, does it no second time. */
export async function post(path, body, { timeout = TIMEOUT } = {}) {
  const headers = { "content-type": "application/json", "idempotency-key": crypto.randomUUID?.() ?? random() };
  return readJson(await send("POST", path, { headers, body: JSON.stringify(body ?? {}), timeout }));
}

export async function del(path) {
  return readJson(await send("DELETE", path, {}));
}

/** A request with the token of who is signed in; a 401 signs out. The answer is as `fetch` gives it. */
export async function send(method, path, { headers = {}, body, signal, timeout = TIMEOUT } = {}) {
  const ends = [signal, timeout ? AbortSignal.timeout(timeout) : null].filter(Boolean);
  let answer;
  const showed = token.value;
  try {
    answer = await fetch(path, {
      method, body, cache: "no-store", credentials: "omit", signal: AbortSignal.any(ends),
      headers: { authorization: `Bearer ${showed}`, ...headers },
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable(error);
  }
  if (answer.status === 401 && showed === token.value) {
    signOut("Your session ended. Sign in again.");
  }
  if (answer.status >= 400) throw new Problem(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

/** A path with a query, without what is empty. */
export function withQuery(path, query) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) {
      if (one !== "" && one !== null && one !== undefined && one !== false) given.append(name, one);
    }
  }
  const text = given.toString();
  return text ? `${path}?${text}` : path;
}

async function readJson(answer) {
  return answer.status === 204 ? null : answer.json();
}

// crypto.randomUUID is there only over TLS and on localhost
function random() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
