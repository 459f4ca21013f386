import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AcceptedEvent } from '../../core/event.ts';
import { readManifest } from '../manifest.ts';
import { residentBytesOf } from './memory-watch.ts';
import { createProcessRuntime } from './process-runtime.ts';

/**
 * What a process of its own costs: `node --conditions=@hms-sync/source src/runtimes/process/process-runtime.bench.ts`.
 * Prints the time from start to READY, the memory of the idle process, and deliveries a second to an adapter that does
 * nothing, with this many in flight as a lane has at the most.
 */
const IN_FLIGHT = 1_024;
const DURATION_MS = 4_000;
const WARM_UP_MS = 1_000;
const STARTS = 5;

const sdk = fileURLToPath(new URL('../../../../../packages/adapter-sdk', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'hms-sync-bench-'));
const silent = { debug() {}, info() {}, warn() {}, error() {} };

await mkdir(join(folder, 'node_modules', '@hms-sync'), { recursive: true });
await symlink(sdk, join(folder, 'node_modules', '@hms-sync', 'adapter-sdk'));
await mkdir(join(folder, 'node_modules', 'noop'));
await writeFile(
  join(folder, 'node_modules', 'noop', 'package.json'),
  JSON.stringify({
    ...{ name: 'noop', version: '1.0.0', type: 'module', exports: './index.js' },
    hmsSync: { manifest: 1, id: 'noop', protocols: [1] },
  }),
);
await writeFile(
  join(folder, 'node_modules', 'noop', 'index.js'),
  `import { defineAdapter } from '@hms-sync/adapter-sdk';
export default defineAdapter({ push: (event) => event.key === 'pid' ? String(process.pid) : undefined });`,
);
const manifest = await readManifest('noop', folder);

const event: AcceptedEvent = {
  ...{ id: 'event-1', source: 'hms-api', type: 'ProcessUpdated', key: 'process-7', timeMs: 1_790_000_000_000 },
  ...{ data: Buffer.alloc(512, 'x'), dataContentType: 'application/json', attributes: { clinic: 'north' } },
  ...{ seq: 1, acceptedAtMs: 1_790_000_000_500, publishedBy: '', adapters: ['noop'] },
};
const { signal } = new AbortController();
const attempt = { event, idempotencyKey: 'event-1:noop', number: 1, redelivered: false, timeoutMs: 10_000 };

async function start() {
  const runtime = createProcessRuntime({ manifest, config: {}, log: silent, hubVersion: '0.0.0' });
  const beganAtMs = performance.now();
  const started = await runtime.start();
  if (started.kind !== 'ready') throw new Error(started.reason);
  return { runtime, startMs: performance.now() - beganAtMs };
}

const startsMs: number[] = [];
for (let index = 0; index < STARTS; index += 1) {
  const { runtime, startMs } = await start();
  startsMs.push(Math.round(startMs));
  await runtime.close();
}

const { runtime } = await start();
const received = await runtime.deliver({ ...attempt, event: { ...event, key: 'pid' } }, signal);
const pid = Number(received.kind === 'delivered' ? received.receipt : 0);
// By then it has given back what its start left.
await new Promise((resolve) => setTimeout(resolve, 6_000));
const idleBytes = (await residentBytesOf(pid)) ?? 0;

let delivered = 0;
let running = true;
const sender = async () => {
  while (running) {
    const outcome = await runtime.deliver(attempt, new AbortController().signal);
    if (outcome.kind !== 'delivered') throw new Error(JSON.stringify(outcome));
    delivered += 1;
  }
};
const senders = Array.from({ length: IN_FLIGHT }, sender);
await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
const before = delivered;
await new Promise((resolve) => setTimeout(resolve, DURATION_MS));
const perSecond = Math.round(((delivered - before) * 1_000) / DURATION_MS);
running = false;
await Promise.all(senders);
const loadedBytes = (await residentBytesOf(pid)) ?? 0;
await runtime.close();
await rm(folder, { recursive: true, force: true });

const inMb = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;
console.log(`start to READY   ${startsMs.join(', ')} ms`);
console.log(`memory           ${inMb(idleBytes)} idle, ${inMb(loadedBytes)} after the load`);
console.log(`deliveries       ${perSecond}/s with ${IN_FLIGHT} in flight`);
process.exit(0);
