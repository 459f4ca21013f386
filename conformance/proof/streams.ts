import { randomUUID } from 'node:crypto';
import { setTimeout as elapse } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { residentMb } from '../src/process-usage.ts';
import { createSyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import { comparePace } from './compare-pace.ts';
import { HeldStreams } from './held-streams.ts';
import { startStillHub } from './still-hub.ts';

/**
 * `npm run streams`: 10,000 idle and 2,000 active streams on one hub. Prints what an idle one costs, and the p99 of a
 * publisher beside them as a ratio to that at a hub without them. `-- --short` opens 4,000 and 400.
 */

const IDLE_STREAM_MAX_KIB = 64;
/** Idle streams cost a publisher next to nothing. */
const IDLE_RATIO_MAX = 1.25;
const STREAMS_PER_CONNECTION = 1_000;
/** Opening so many leaves garbage, which the hub gives back once it is calm. */
const SETTLE_MS = 8_000;

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
const size = values.short ? { idle: 4_000, active: 400, pairs: 12 } : { idle: 10_000, active: 2_000, pairs: 32 };

const shortfalls: string[] = [];
const without = await startStillHub({ thirdHangs: true });
const beside = await startStillHub({ thirdHangs: true });
const streams = new HeldStreams();
try {
  const { address, pid } = beside.hub;
  const client = createSyncClient(grpcJs.create(address));
  const waitingEventId = randomUUID();
  const event = { id: waitingEventId, type: 'ProcessUpdated' };
  await Array.fromAsync(client.publish({ event, until: PublishUntil.ACCEPTED }));
  client.close();
  const order = { address, waitingEventId, perConnection: STREAMS_PER_CONNECTION } as const;

  // Of a hub that has done next to nothing: what it needs from its first streams on for any number counts as theirs.
  const beforeMb = await residentMb(pid);
  await streams.add({ kind: 'idle', count: size.idle, ...order });
  await elapse(SETTLE_MS);
  const idleMb = await residentMb(pid);
  const kibEach = ((idleMb - beforeMb) * 1_024) / size.idle;
  console.log(
    `${size.idle} idle streams over ${Math.ceil(size.idle / STREAMS_PER_CONNECTION)} connections: ` +
      `RSS ${beforeMb.toFixed(0)} -> ${idleMb.toFixed(0)} MB, ${kibEach.toFixed(1)} KiB each`,
  );
  if (kibEach > IDLE_STREAM_MAX_KIB) shortfalls.push(`an idle stream costs more than ${IDLE_STREAM_MAX_KIB} KiB`);

  const idle = await comparePace(without, beside, size.pairs);
  console.log(`p99 of a publisher beside them: ${idle}`);
  if (idle.isSlowerBy(IDLE_RATIO_MAX)) shortfalls.push('a publisher is slowed by idle streams');

  await streams.add({ kind: 'active', count: size.active, ...order });
  const active = await comparePace(without, beside, size.pairs);
  console.log(`with ${size.active} active ones, of ${(size.active / 5).toFixed(0)} events/s in all: ${active}`);
  console.log(
    `${streams.open} of ${size.idle + size.active} streams are open, RSS ${(await residentMb(pid)).toFixed(0)} MB`,
  );
  if (streams.open !== size.idle + size.active) shortfalls.push('streams were ended');
} finally {
  await streams.close();
  await without.remove();
  await beside.remove();
}
for (const shortfall of shortfalls) console.error(`short of its promise: ${shortfall}`);
process.exitCode = shortfalls.length === 0 ? 0 : 1;
