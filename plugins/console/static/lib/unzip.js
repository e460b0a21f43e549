// The files in a zip archive, in the browser. Encrypted and split archives are refused.

const MOST = 8 << 20; // bytes of all files together
const MANY = 1000;
const END = 0x06054b50;
const ENTRY = 0x02014b50;

/** `[{path, bytes}]` of what is in the archive; raises an Error that says what is wrong with it. */
export async function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const files = [];
  let total = 0;
  for (const entry of entries(view, bytes)) {
    if (entry.path.endsWith("/")) continue;
    if (files.length >= MANY) throw new Error(`The archive holds over ${MANY} files.`);
    const content = await unpacked(entry, bytes, view, MOST - total);
    total += content.length;
    files.push({ path: entry.path, bytes: content });
  }
  return files;
}

function* entries(view, bytes) {
  const end = findEnd(view);
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    if (at + 46 > view.byteLength || view.getUint32(at, true) !== ENTRY) throw new Error("The archive is damaged.");
    const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    yield {
      path: new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + name)),
      flags: view.getUint16(at + 8, true), method: view.getUint16(at + 10, true),
      packed: view.getUint32(at + 20, true), start: view.getUint32(at + 42, true),
    };
    at += 46 + name + extra + comment;
  }
}

function findEnd(view) {
  for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 22 - 65535); at -= 1) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw new Error("This is no zip archive.");
}

async function unpacked({ path, flags, method, packed, start }, bytes, view, room) {
  if (flags & 1) throw new Error(`${path} is encrypted.`);
  if (start + 30 > view.byteLength) throw new Error("The archive is damaged.");
  const from = start + 30 + view.getUint16(start + 26, true) + view.getUint16(start + 28, true);
  const content = bytes.subarray(from, from + packed);
  if (method === 0) return bounded([content], room);
  if (method !== 8) throw new Error(`${path} is packed in a way that browsers do not know.`);
  return bounded(new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate-raw")), room);
}

// A small archive can hold a great deal: what it is worth is seen while it is unpacked.
async function bounded(pieces, room) {
  const found = [];
  let size = 0;
  for await (const piece of iterated(pieces)) {
    size += piece.length;
    if (size > room) throw new Error(`The archive holds more than ${MOST >> 20} MiB.`);
    found.push(piece);
  }
  const whole = new Uint8Array(size);
  found.reduce((at, piece) => (whole.set(piece, at), at + piece.length), 0);
  return whole;
}

async function* iterated(pieces) {
  if (Array.isArray(pieces)) return yield* pieces;
  const reader = pieces.getReader(); // not all browsers can iterate over streams
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    reader.cancel().catch(() => {});
  }
  return undefined;
}
