import { performance } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_EVERY_MS = 1_000;
/** Of a core. A heartbeat and a delivery now and then stay below it. */
const CALM_SHARE = 0.05;
const CALM_LOOKS = 2;
/** Less than this is not worth the hundredth of a second that looking for it takes. */
const WORTHWHILE_BYTES = 4 * 1024 * 1024;
/** Of a larger heap most is in use, and collecting it would stop the adapter for a second for each 350 MB. */
const HEAP_MAX_BYTES = 128 * 1024 * 1024;

/**
 * Gives memory back when an adapter has come to rest. V8 collects when something is allocated, so a process that waits
 * keeps the garbage of its start, or of its busiest second, for as long as it waits: a fifth of all that it has of its
 * own. A smaller young generation instead would cost half of the throughput, in collecting.
 */
export function keepMemory(): void {
  // Node has no other way to ask for it than the flag.
  setFlagsFromString('--expose-gc');
  const collect: (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  let before = performance.eventLoopUtilization();
  let calmLooks = 0;
  let keptBytes = 0;
  const look = () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    calmLooks = utilization < CALM_SHARE ? calmLooks + 1 : 0;
    if (calmLooks < CALM_LOOKS || residentBytes() < keptBytes + WORTHWHILE_BYTES) return;
    if (getHeapStatistics().used_heap_size > HEAP_MAX_BYTES) return;
    // The one that lets go of the pages that V8 keeps for later, too.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    keptBytes = residentBytes();
    calmLooks = 0;
  };
  setInterval(look, LOOK_EVERY_MS).unref();
}

/** 0 when it cannot be seen. */
function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    // It reads a file, and throws when no more can be opened.
    return 0;
  }
}
