// Which rows of a long list are drawn: all have one height, but the one that is open has more. Pure.

const OVER = 6; // rows beyond each edge

/** `{first, end, offset, total}`: draw `rows.slice(first, end)` from `offset` px on. */
export function windowOf({ count, top, height, row, open = -1, more = 0 }) {
  const total = count * row + (open >= 0 ? more : 0);
  const first = Math.max(0, indexAt(top, row, open, more) - OVER);
  const end = Math.min(count, indexAt(top + height, row, open, more) + 1 + OVER);
  return { first: Math.min(first, count), end, offset: offsetOf(Math.min(first, count), { row, open, more }), total };
}

/** Where a row begins, in px. */
export function offsetOf(index, { row, open = -1, more = 0 }) {
  return index * row + (open >= 0 && index > open ? more : 0);
}

function indexAt(y, row, open, more) {
  if (open < 0 || y < (open + 1) * row) return Math.floor(y / row);
  return Math.max(open, Math.floor((y - more) / row));
}
