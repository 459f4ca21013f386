import { performance } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_EVERY_MS = 1_000;
/** Of one core. Heartbeats and single deliveries stay below it. */
const CALM_SHARE = 0.05;
const CALM_LOOKS = 2;
/** Not worth the 10 ms of a collection below this. */
const WORTHWHILE_BYTES = 4 * 1024 * 1024;
/** A larger heap is not collected: that would block the adapter for about a second per 350 MB. */
const HEAP_MAX_BYTES = 128 * 1024 * 1024;

/**
 * Releases memory when an adapter is idle. V8 collects garbage only on allocation, so an idle process keeps the garbage of
 * its start or of its last burst, about a fifth of its own memory. A smaller young generation would halve the throughput.
 */
export function keepMemory(): void {
  // Node has gc() only with this flag.
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
    // 'last-resort' also releases the pages that V8 keeps for later.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    keptBytes = residentBytes();
    calmLooks = 0;
  };
  setInterval(look, LOOK_EVERY_MS).unref();
}

/** 0 when it is unknown. */
function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    // rss() reads a file, and throws when the process has no file descriptors left.
    return 0;
  }
}
