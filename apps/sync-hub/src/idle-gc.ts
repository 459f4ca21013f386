import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What the collector sees of its process, and the one thing that it can do. */
export interface ProcessMemory {
  /** What the process holds of the machine's memory; undefined while the system does not say, as with no file left. */
  residentBytes(): number | undefined;
  /** The share of the time since the last call in which the main thread was busy, 0 to 1. */
  busyShare(): number;
  /** Collects all garbage and gives its pages back, at once; says how long everything else waited for that. */
  collect(): number;
}

/** The hub needs less than this while it is calm, whatever waits in the journal. */
const WORTHWHILE_BYTES = 224 * 1024 * 1024;
/** What was not given back the last time is in use: only so much more is worth another look. */
const GROWTH_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 2_000;
/** With 40 MB in use a collection takes a tenth of a second. One that takes this long has found that most is in use, such
 * as by ten thousand streams, and is not tried again soon. */
const PAUSE_MAX_MS = 500;
const REST_LOOKS = 3_600_000 / LOOK_EVERY_MS;
/** A pause is then in hardly anybody's way. */
const CALM_SHARE = 0.5;
const CALM_LOOKS = 2;

/**
 * Gives memory back once a burst is over. V8 collects when something is allocated: a hub that has become calm would
 * keep the garbage of its busiest second, and the pages for it, for hours (its memory reducer takes a process that
 * allocates nothing for a busy one: V8 13.6). Bounding the heap instead costs a tenth of the throughput.
 */
export class IdleGc {
  readonly #memory: ProcessMemory;
  readonly #timer: NodeJS.Timeout;
  #calmLooks = 0;
  #restLooks = 0;
  #worthwhileBytes = WORTHWHILE_BYTES;

  constructor(memory: ProcessMemory) {
    this.#memory = memory;
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Called by its own timer. */
  look(): void {
    this.#calmLooks = this.#memory.busyShare() < CALM_SHARE ? this.#calmLooks + 1 : 0;
    if (this.#restLooks > 0) this.#restLooks -= 1;
    const isWelcome = this.#calmLooks >= CALM_LOOKS && this.#restLooks === 0;
    if (!isWelcome || (this.#memory.residentBytes() ?? 0) < this.#worthwhileBytes) return;
    const pauseMs = this.#memory.collect();
    if (pauseMs > PAUSE_MAX_MS) this.#restLooks = REST_LOOKS;
    this.#worthwhileBytes = Math.max(WORTHWHILE_BYTES, (this.#memory.residentBytes() ?? 0) + GROWTH_BYTES);
    this.#calmLooks = 0;
  }
}

/** This process. */
export function processMemory(): ProcessMemory {
  // Node has no other way to ask for it than the flag.
  setFlagsFromString('--expose-gc');
  const collect: (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void = runInNewContext('gc');
  let last = performance.eventLoopUtilization();
  return {
    residentBytes() {
      try {
        return process.memoryUsage.rss();
      } catch {
        // It reads a file, and throws when no more can be opened.
        return undefined;
      }
    },
    busyShare() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    // The one that lets go of the pages that V8 keeps for later, too.
    collect() {
      const startedAtMs = performance.now();
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      return performance.now() - startedAtMs;
    },
  };
}
