// Print the entries of the dialect agent-events: those that are there, then each as it comes.
//
//   node agent-events.mjs redis://localhost:6379
import { createClient } from 'redis';

const { REDIS_USER: username, REDIS_PASSWORD: password } = process.env;
const redis = createClient({ url: process.argv[2], username, password });
redis.on('error', (error) => process.stderr.write(`${error.message || error.code}\n`));
process.on('SIGTERM', () => process.exit(0));
await redis.connect();

for (let id = '0'; ; ) {
  const [stream] = (await redis.xRead({ key: 'agent_events', id }, { BLOCK: 5000, COUNT: 500 })) ?? [];
  for (const entry of stream?.messages ?? []) {
    const { ts, type, payload } = JSON.parse(entry.message.json);
    process.stdout.write(`${ts} ${type} ${JSON.stringify(payload)}\n`);
    id = entry.id;
  }
}
