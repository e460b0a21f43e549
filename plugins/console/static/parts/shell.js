// What surrounds every page: where one can go, how well the console follows, and who is signed in.

import { behind, connection, missed } from "../lib/live.js";
import { useKeys } from "../lib/keys.js";
import { go, href, route } from "../lib/route.js";
import { signOut } from "../lib/session.js";
import { useSignal } from "../lib/signal.js";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { useApi } from "../lib/use.js";
import { count, duration } from "../lib/format.js";
import { PAGES, pageOf } from "../pages/table.js";
import { KeyList } from "./key-list.js";
import { Guard } from "./guard.js";
import { nextTheme, theme } from "./theme.js";
import { Toasts } from "./toasts.js";

export function Shell({ who }) {
  const place = useSignal(route);
  const page = pageOf(place.parts);
  const [keysShown, setKeysShown] = useState(false);
  const main = useMainFocus(place.parts.join("/"));
  const counts = useCounts();
  const pages = useCurrentInSight(page.name);
  useKeys("Everywhere", [
    ["?", "this list", () => setKeysShown(true)],
    ["t", "light, dark or the system's colours", nextTheme],
    ...PAGES.map(({ name, title, key }) => [`g ${key}`, title, () => go(name)]),
  ]);
  return html`
    <a class="skip" href="#main" onClick=${(event) => skip(event, main)}>Skip to the page</a>
    <header class="top">
      <a class="brand" href=${href("now")}>Retinue</a>
      <nav aria-label="Pages"><ul ref=${pages}>
        ${PAGES.map((one) => html`<li key=${one.name}>
          <a href=${href(one.name)} aria-current=${one === page ? "page" : null}>${one.title}
            ${counts[one.name] > 0 && html`<span class="count" aria-label=${`${counts[one.name]} waiting`}>${count(counts[one.name])}</span>`}
          </a></li>`)}
      </ul></nav>
      <${Connection} />
      <${Account} who=${who} onKeys=${() => setKeysShown(true)} />
    </header>
    <${Trouble} />
    <main id="main" tabindex="-1" ref=${main}>
      <${Guard} key=${page.name}><${page.Page} parts=${place.parts.slice(1)} query=${place.query} /><//>
    </main>
    <${Toasts} />
    ${keysShown && html`<${KeyList} onClose=${() => setKeysShown(false)} />`}`;
}

function Connection() {
  const { state } = useSignal(connection);
  const late = useSignal(behind);
  const shown = state === "live" && late ? "behind" : state;
  const words = { live: "Live", behind: `${duration(late / 1000)} behind`, connecting: "Connecting", lost: "Disconnected", ended: "Stopped" };
  return html`<p class="connection ${shown}" role="status"><span class="dot" aria-hidden="true"></span>${words[shown]}</p>`;
}

// Says what the small word at the top cannot: why there is nothing new, and what is missing.
function Trouble() {
  const { state, error, since } = useSignal(connection);
  const gone = useSignal(missed);
  const [seen, setSeen] = useState(0);
  if (state === "lost" || state === "ended") {
    const when = new Date(since).toLocaleTimeString();
    const goesOn = state === "lost" ? "It tries again by itself, and goes on where it was." : "Load the page again to begin anew.";
    return html`<p class="notice bad" role="alert">Disconnected since ${when}: ${error?.message || "the kernel ended the stream."} ${goesOn} What you see is from before.</p>`;
  }
  if (gone > seen) {
    return html`<p class="notice warn" role="alert">${count(gone - seen)} events did not reach this page; the journal may still have them.
      <button class="quiet" onClick=${() => setSeen(gone)}>Dismiss</button></p>`;
  }
  return null;
}

function Account({ who, onKeys }) {
  const colours = useSignal(theme);
  return html`<div class="account">
    <button class="quiet" onClick=${nextTheme} title="Colours: ${colours} (t)" aria-label="Colours: ${colours}. Change"><span aria-hidden="true">◐</span></button>
    <button class="quiet" onClick=${onKeys} title="Keys (?)" aria-label="List of keys"><span aria-hidden="true">?</span></button>
    <button class="quiet" onClick=${() => signOut()} title=${who ? `${who.name}, ${who.role}` : ""}>Sign out${who ? ` (${who.role})` : ""}</button>
  </div>`;
}

function useCounts() {
  const approvals = useApi("/v1/approvals?state=requested&limit=100", { on: ["approval."], every: 30 });
  const dead = useApi("/v1/dead?limit=100", { on: ["message.dead", "task.dead", "task.failed", "run.failed"], every: 30 });
  return { approvals: approvals.value?.length ?? 0, dead: dead.value?.length ?? 0 };
}

// A screen reader begins where the new page does; the first page leaves the focus alone.
function useMainFocus(path) {
  const main = useRef(null);
  const before = useRef(path);
  useEffect(() => {
    document.title = `${pageOf(route.value.parts).title} · Retinue`;
    if (before.current.split("/")[0] !== path.split("/")[0]) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    before.current = path;
  }, [path]);
  return main;
}

// Not by scrollIntoView(): the Tab key would go on from there.
function useCurrentInSight(name) {
  const list = useRef(null);
  useEffect(() => {
    const link = list.current?.querySelector("[aria-current]");
    if (!link) return;
    const { left, right } = link.getBoundingClientRect();
    const box = list.current.getBoundingClientRect();
    if (left < box.left) list.current.scrollLeft += left - box.left;
    else if (right > box.right) list.current.scrollLeft += right - box.right;
  }, [name]);
  return list;
}

function skip(event, main) {
  event.preventDefault();
  main.current?.focus();
}
