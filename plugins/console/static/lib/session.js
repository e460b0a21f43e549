// Who is signed in, in this tab: a token, kept for as long as the tab is open.

import { Signal } from "./signal.js";

const KEY = "retinue.token";

/** The token, or "". */
export const token = new Signal(sessionStorage.getItem(KEY) || "");
/** What `/v1/me` says: `{name, role, expires}`, or null before it did. */
export const me = new Signal(null);
/** Why nobody is signed in any more, or "". */
export const farewell = new Signal("");

const RANKS = { viewer: 1, operator: 2, admin: 3 };

export function signIn(value) {
  sessionStorage.setItem(KEY, value);
  farewell.value = "";
  me.value = null;
  token.value = value;
}

export function signOut(why = "") {
  sessionStorage.removeItem(KEY);
  farewell.value = why;
  me.value = null;
  token.value = "";
}

/** Whether whoever is signed in may do what takes this role; the API has the last word. */
export function may(role) {
  return RANKS[me.value?.role] >= RANKS[role];
}

/**
 * Exchange the ticket in the address, as `retinue console` prints it, for a token. The address
 * loses it at once: it is good only once, and belongs into no history.
 */
export async function redeemTicket() {
  const found = /^#ticket=([\w-]+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", location.pathname + "#/");
  const answer = await fetch("/v1/sessions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ticket: found[1] }),
  });
  const told = await answer.json();
  if (answer.ok) signIn(told.token);
  else signOut(told.detail);
}
