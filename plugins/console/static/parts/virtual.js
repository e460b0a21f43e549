// A long list, of which only what is looked at is drawn.

import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { offsetOf, windowOf } from "../lib/window.js";

const NARROW = 640; // px
const ROW = { wide: 28, narrow: 48 };
const DETAIL = 300; // px of the row that is open, at most

/**
 * A list of any length, drawn as a grid. `rows` have a `keyOf(row)`; `draw(row)` gives its cells and
 * `detail(row)` what is under it when it is the `open` one. `selected` is a key; `onSelect(key)` and
 * `onOpen(key)` ask for a change ("" closes). With `follow` it sticks to the end, and `onLeave()` is
 * called when somebody scrolls away from it; `onEnd()` when they come back. `onFold(closes)` is for the
 * keys that close and open what is under the selected row.
 */
export function VirtualList({
  rows, keyOf, draw, detail, label, open = "", selected = "", onSelect, onOpen, onFold, follow = false, onLeave, onEnd,
  look = () => "", role = "grid", attributes = () => ({}), overlay,
}) {
  const box = useRef(null);
  const id = useId();
  const [view, setView] = useState({ top: 0, height: 400, narrow: false });
  useSize(box, setView);
  const row = view.narrow ? ROW.narrow : ROW.wide;
  const at = open ? rows.findIndex((one) => keyOf(one) === open) : -1;
  const more = at >= 0 ? DETAIL : 0;
  const shape = { row, open: at, more };
  const top = follow ? Math.max(0, rows.length * row + more - view.height) : view.top;
  const { first, end, offset, total } = windowOf({ count: rows.length, top, height: view.height, ...shape });
  const set = useStick(box, follow, total, view.height);
  useSelectedInView(box, set, rows, keyOf, selected, shape);
  useLayoutEffect(() => {
    if (!follow) setView((before) => ({ ...before, top: box.current.scrollTop }));
  }, [follow]);

  const onScroll = ({ currentTarget: { scrollTop: now, scrollHeight, clientHeight } }) => {
    const isAtEnd = now >= scrollHeight - clientHeight - 4;
    if (follow && now < set.current - 4 && !isAtEnd) onLeave?.();
    if (!follow && isAtEnd && now > view.top && now !== set.current) onEnd?.();
    if (!follow || !isAtEnd) setView((before) => ({ ...before, top: now }));
  };
  const drawn = rows.slice(first, end);
  const shows = drawn.some((one) => keyOf(one) === selected);
  return html`<div class="virtual ${view.narrow ? "narrow" : ""}" ref=${box} role=${role} aria-label=${label} tabindex="0"
      aria-rowcount=${rows.length} aria-activedescendant=${shows ? `${id}-${selected}` : null} onScroll=${onScroll}
      onKeyDown=${(event) => arrows(event, rows, keyOf, selected, onSelect, onFold)}>
    <div class="room" role="presentation" style=${{ height: `${total}px` }}>
      ${overlay}
      <div role="rowgroup" style=${{ transform: `translateY(${offset}px)` }}>
        ${drawn.map((one, index) => {
          const key = keyOf(one);
          const isOpen = key === open;
          return html`<div key=${key} class="line ${look(one)} ${key === selected ? "selected" : ""}" id="${id}-${key}" role="row"
              aria-rowindex=${first + index + 1} aria-selected=${key === selected} style=${{ height: `${row}px` }} ...${attributes(one)}
              onClick=${(event) => press(event, () => { onSelect(key); onOpen?.(isOpen ? "" : key); })}>${draw(one)}</div>
            ${isOpen && html`<div key="${key} detail" class="detail" role="row" style=${{ height: `${DETAIL}px` }}
                aria-level=${role === "treegrid" ? (attributes(one)["aria-level"] ?? 1) + 1 : null}>
              <div role="gridcell" class="inside" tabindex="0">${detail(one)}</div></div>`}`;
        })}
      </div>
    </div>
  </div>`;
}

function useSize(box, setView) {
  useLayoutEffect(() => {
    const measure = () => {
      const { clientHeight, clientWidth } = box.current;
      setView((before) => ({ ...before, height: clientHeight, narrow: clientWidth < NARROW }));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    measure();
    return () => observer.disconnect();
  }, []);
}

// Sticks to the end: after each drawing, as only then it is known where that is. What is given back
// holds where the list was last scrolled to by itself.
function useStick(box, follow, total, height) {
  const set = useRef(0);
  useLayoutEffect(() => {
    if (!follow) return;
    box.current.scrollTop = total;
    set.current = box.current.scrollTop;
  }, [follow, total, height]);
  return set;
}

function useSelectedInView(box, set, rows, keyOf, selected, shape) {
  useEffect(() => {
    if (!selected) return;
    const index = rows.findIndex((one) => keyOf(one) === selected);
    if (index < 0) return;
    const begin = offsetOf(index, shape);
    const end = begin + shape.row + (index === shape.open ? shape.more : 0);
    const { scrollTop, clientHeight } = box.current;
    if (begin < scrollTop) box.current.scrollTop = begin;
    else if (end > scrollTop + clientHeight) box.current.scrollTop = Math.min(begin, end - clientHeight);
    else return;
    set.current = box.current.scrollTop;
  }, [selected, shape.open]);
}

/** The key of the row so many after the selected one; the last, or for a step back too, when none is. */
export function stepFrom(rows, keyOf, selected, step) {
  if (!rows.length) return "";
  const at = rows.findIndex((one) => keyOf(one) === selected);
  const to = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
  return keyOf(rows[Math.max(0, Math.min(rows.length - 1, to))]);
}

function arrows(event, rows, keyOf, selected, onSelect, onFold) {
  const closes = { ArrowLeft: true, ArrowRight: false }[event.key];
  if (onFold && closes !== undefined && event.target === event.currentTarget) {
    event.preventDefault();
    onFold(closes);
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target !== event.currentTarget || !rows.length) return;
  event.preventDefault();
  onSelect(stepFrom(rows, keyOf, selected, step));
}

// What is in a row keeps its own clicks, and text can be selected.
function press(event, act) {
  if (event.target.closest("a, button") || String(getSelection())) return;
  act();
}
