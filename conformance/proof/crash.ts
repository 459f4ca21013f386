import { setTimeout as elapse } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startSandbox, systemNames } from '@hms-sync/sandbox';
import type { Hub } from '../src/hub.ts';
import { HubFolder } from '../src/hub-folder.ts';
import { createSyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import { OrderBook } from './order-book.ts';
import { closePublisher, publishPersistently } from './persistent-publisher.ts';
import { judge } from './verdict.ts';

/**
 * `npm run crash -- --kills N`: a real hub is killed (SIGKILL) at random instants and started again on its data, while a
 * publisher writes down every ACCEPTED and the sandbox every call. In the end the two are compared.
 */

/** Enough that a kill meets every kind of moment, few enough that each key's order is put to the test. */
const KEYS = 24;
/** From the hub being ready: it accepts, delivers and records at a good pace by then. */
const KILL_AFTER_MS = { least: 30, most: 600 };
/** Calls are under way at the systems for so long, so that kills meet them there. */
const LATENCY = { latencyMs: 4, jitterMs: 12 };
/** What was accepted is delivered long before; later is lost. */
const SETTLE_WITHIN_MS = 60_000;

const { values } = parseArgs({ options: { kills: { type: 'string', default: '60' } } });
const kills = Number(values.kills);
if (!Number.isInteger(kills) || kills < 1) throw new Error(`--kills ${values.kills} is no whole number above 0`);

const sandbox = await startSandbox({ keepBodyBytes: 512 * 1024 * 1024, keepCalls: 2_000_000 });
const adapters = systemNames.map((id) => ({
  package: 'adapter-ledger',
  id,
  config: { baseUrl: sandbox.urls[id] },
  retry: { baseMs: 20, capMs: 200, maxAttempts: 1_000 },
  breaker: { resetTimeoutMs: 100 },
}));
const folder = await HubFolder.create({ config: { adapters, logLevel: 'error' } });
await folder.install('adapter-ledger');
await sandbox.setFault('*', LATENCY);

const book = new OrderBook();
const stop = new AbortController();
let hub: Hub | undefined;
const publishing = publishPersistently({ address: () => hub?.address, book, keys: KEYS, signal: stop.signal });
try {
  for (let kill = 1; kill <= kills; kill += 1) {
    hub = await folder.start();
    await elapse(KILL_AFTER_MS.least + Math.random() * (KILL_AFTER_MS.most - KILL_AFTER_MS.least));
    const killed = hub;
    hub = undefined;
    await killed.kill();
  }
  hub = await folder.start();
  stop.abort();
  await publishing;
  await settle(hub);
} finally {
  stop.abort();
  closePublisher();
  await folder.remove();
  await sandbox.close();
}

const { lost, overtaken, undeclaredDuplicates, declaredDuplicates } = judge(book, sandbox.calls({ limit: 2_000_000 }));
for (const line of [...lost, ...overtaken, ...undeclaredDuplicates].slice(0, 20)) console.error(line);
console.log(
  `${kills} kills, ${book.size} accepted, ${lost.length} lost, ${overtaken.length} overtaken, ` +
    `${undeclaredDuplicates.length} undeclared duplicates`,
);
console.error(`${declaredDuplicates} calls were made again and said so`);
if (book.size === 0) console.error('nothing was accepted between the kills: this proved nothing');
process.exitCode = book.size > 0 && lost.length + overtaken.length + undeclaredDuplicates.length === 0 ? 0 : 1;

/** Waits until the hub has nothing left to deliver. */
async function settle({ address }: Hub): Promise<void> {
  const client = createSyncClient(grpcJs.create(address));
  const deadline = performance.now() + SETTLE_WITHIN_MS;
  for await (const { adapters: healths } of client.watchHealth()) {
    const waiting = healths.reduce((sum, { waiting: count }) => sum + Number(count), 0);
    if (waiting === 0 || performance.now() > deadline) break;
  }
  client.close();
}
