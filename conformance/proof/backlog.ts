import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as elapse } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { residentMb } from '../src/process-usage.ts';
import { fillBacklog } from './backlog-filler.ts';
import { comparePace } from './compare-pace.ts';
import { type StillHub, startStillHub } from './still-hub.ts';

/**
 * `npm run backlog`: one adapter hangs and a million deliveries wait behind it. Prints what that costs: the hub's
 * memory, a restart, and the other two adapters' p99 beside that of a hub where nothing waits. `-- --short` has a
 * hundred thousand wait.
 */

const READY_WITHIN_MS = 3_000;
const RESIDENT_MAX_MB = 300;
const P99_RATIO_MAX = 1.1;

/** An event with its delivery that waits, two that are settled, and their records: about 750 bytes, and room to spare. */
const DISK_BYTES_PER_EVENT = 2_048;
/** A burst leaves garbage, which the hub gives back once it is calm. */
const SETTLE_MS = 8_000;

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
const size = values.short ? { deliveries: 100_000, pairs: 14 } : { deliveries: 1_000_000, pairs: 48 };

await requireDisk(size.deliveries * DISK_BYTES_PER_EVENT);
const shortfalls: string[] = [];
const well = await startStillHub();
const burdened = await startStillHub({ thirdHangs: true });
try {
  await fill(burdened);
  await restart(burdened);
  const pace = await comparePace(well, burdened, size.pairs);
  console.log(`p99 of the other two adapters: ${pace}`);
  if (pace.isSlowerBy(P99_RATIO_MAX)) shortfalls.push(`the p99 of the others is over ${P99_RATIO_MAX} times as long`);
  const steadyMb = await residentMb(burdened.hub.pid);
  console.log(`RSS after deliveries went past the backlog: ${steadyMb.toFixed(0)} MB`);
  if (steadyMb >= RESIDENT_MAX_MB) shortfalls.push(`RSS in use is not under ${RESIDENT_MAX_MB} MB`);
} finally {
  await burdened.remove();
  await well.remove();
}
for (const shortfall of shortfalls) console.error(`short of its promise: ${shortfall}`);
process.exitCode = shortfalls.length === 0 ? 0 : 1;

async function fill({ hub }: StillHub): Promise<void> {
  const startedAtMs = performance.now();
  const refused = await fillBacklog(hub.address, size.deliveries);
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const peakMb = await residentMb(hub.pid);
  await elapse(SETTLE_MS);
  const residentAfterMb = await residentMb(hub.pid);
  console.log(
    `${size.deliveries} deliveries wait behind one adapter, the other two have them, after ${seconds.toFixed(0)} s`,
  );
  if (refused > 0) console.log(`${refused} times an event was refused for a moment, since the machine's disk was slow`);
  console.log(
    `RSS at the end of this: ${peakMb.toFixed(0)} MB, ${SETTLE_MS / 1_000} s later ${residentAfterMb.toFixed(0)} MB`,
  );
  if (residentAfterMb >= RESIDENT_MAX_MB) shortfalls.push(`RSS after the burst is not under ${RESIDENT_MAX_MB} MB`);
}

async function restart(still: StillHub): Promise<void> {
  const readyMs = await still.restart();
  await elapse(SETTLE_MS);
  const restartedMb = await residentMb(still.hub.pid);
  console.log(`restart after kill -9: ready in ${(readyMs / 1_000).toFixed(2)} s, RSS ${restartedMb.toFixed(0)} MB`);
  if (readyMs > READY_WITHIN_MS) shortfalls.push(`ready later than after ${READY_WITHIN_MS / 1_000} s`);
  if (restartedMb >= RESIDENT_MAX_MB) shortfalls.push(`RSS after a restart is not under ${RESIDENT_MAX_MB} MB`);
}

async function requireDisk(bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(tmpdir());
  const needed = Math.ceil(bytes / 2 ** 20);
  if (bavail * bsize < bytes) throw new Error(`${tmpdir()} has not the ${needed} MB that this takes; set TMPDIR`);
}
