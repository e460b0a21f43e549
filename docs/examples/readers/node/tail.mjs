// Print each event of a kernel once, in order, one JSON object a line; say what is missing on stderr.
//
//   node tail.mjs redis://localhost:6379 main cursor.json
//
// cursor.json keeps the number and the id of the last event that was printed, and is written after
// each page: a reader that is killed just before prints that page again.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createClient } from 'redis';

const [url, kernel, file] = process.argv.slice(2);
const log = `retinue:{${kernel}}:log`;
let cursor = load();

const { REDIS_USER: username, REDIS_PASSWORD: password } = process.env;
const redis = createClient({ url, username, password, socket: { socketTimeout: 15_000 } });
redis.on('error', (error) => say(`not live: ${error.message || error.code}`)); // it connects again by itself
process.on('SIGTERM', () => process.exit(0));
await redis.connect();

for (;;) {
  try {
    if (!(await printPage())) await redis.xRead({ key: log, id: `${cursor.seq}-0` }, { BLOCK: 5000, COUNT: 1 });
  } catch (error) {
    say(`not live: ${error.message}`);
    await new Promise((wait) => setTimeout(wait, 500));
  }
}

// Print what the stream has from the cursor on, 500 events at most; false when there was nothing new.
// The event at the cursor is read again, to be compared: another one there is of another journal.
async function printPage() {
  const entries = (await redis.xRange(log, String(cursor.seq), '+', { COUNT: 500 })).map(parsed);
  if (await beginsAnew(entries[0]?.event)) {
    say(`gap: what followed ${cursor.seq} is gone, and the numbers begin anew`);
    cursor = { seq: 0, id: '' };
    return true;
  }
  const fresh = entries.filter(({ event }) => Number(event.sequence) > cursor.seq);
  for (const { event, text } of fresh) {
    const previous = Number(event.previous ?? event.sequence - 1); // given where some are left out
    if (previous > cursor.seq) say(`gap: ${cursor.seq + 1} to ${previous}`);
    process.stdout.write(`${text}\n`);
    cursor = { seq: Number(event.sequence), id: event.id };
  }
  if (fresh.length) save();
  return fresh.length > 0;
}

async function beginsAnew(first) {
  if (cursor.seq === 0) return false;
  if (first) return Number(first.sequence) === cursor.seq && first.id !== cursor.id;
  const [newest] = await redis.xRevRange(log, '+', '-', { COUNT: 1 });
  return newest !== undefined && parseInt(newest.id) < cursor.seq;
}

function parsed({ message }) {
  if (message.form === 'msgpack') throw new Error('the events are msgpack: set observers.form to json');
  return { event: JSON.parse(message.event), text: message.event };
}

function load() {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return { seq: 0, id: '' };
  }
}

function save() {
  writeFileSync(`${file}.new`, JSON.stringify(cursor));
  renameSync(`${file}.new`, file);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}
