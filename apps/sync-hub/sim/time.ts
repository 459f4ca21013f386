import type { Clock } from '../src/lanes/clock.ts';

/** Kept from before the globals are replaced: a turn of the real event loop, after which no promise is left to run. */
const { setImmediate: startTurn } = globalThis;

/** Everything that follows from what was done runs to its end, in the order in which promises resolve. */
export function settle(): Promise<void> {
  return new Promise((resolve) => startTurn(resolve));
}

const WALL_START_MS = 1_790_000_000_000;

/** No fewer than opossum has buckets: an interval that was missed more often has nothing left to clear. */
const TICKS_MAX = 12;

interface VirtualTimer {
  readonly callback: () => void;
  /** Of an interval. */
  readonly everyMs: number | undefined;
  dueAtMs: number;
}

/**
 * Time that passes when a schedule says so: the lanes' clock, and the global timers that opossum uses. `nowMs` is the
 * time of the simulation, which nobody in it knows.
 */
export class VirtualTime implements Clock {
  readonly #timers = new Set<VirtualTimer>();
  #nowMs = 0;
  #wallOffsetMs = WALL_START_MS;
  #monotonicOffsetMs = WALL_START_MS;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A process starts: its monotonic clock begins at the time of day. */
  startProcess(): void {
    this.#monotonicOffsetMs = this.wallMs() - this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicOffsetMs + this.#nowMs;
  }

  wallMs(): number {
    return Math.floor(this.#wallOffsetMs + this.#nowMs);
  }

  startTimer(delayMs: number, callback: () => void): () => void {
    const timer = this.start(callback, delayMs);
    return () => this.stop(timer);
  }

  start(callback: () => void, delayMs: number, everyMs?: number): VirtualTimer {
    const timer = { callback, everyMs, dueAtMs: this.#nowMs + Math.max(1, Math.ceil(delayMs)) };
    this.#timers.add(timer);
    return timer;
  }

  stop(timer: VirtualTimer): void {
    this.#timers.delete(timer);
  }

  /** The process died: none of its timers fires any more. */
  stopAll(): void {
    this.#timers.clear();
  }

  /** Somebody sets the clock; timers do not notice. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Timers that were started and have not fired, intervals among them. */
  get timers(): number {
    return this.#timers.size;
  }

  /** When the next timer fires, intervals aside; Infinity when none will. */
  get nextAtMs(): number {
    return this.#first(({ everyMs }) => everyMs === undefined)?.dueAtMs ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Lets time pass; timers fire in the order of their times.
   *
   * @param isLate the process was busy all the while: what was due meanwhile fires at the end
   */
  async pass(byMs: number, isLate: boolean): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    if (isLate) this.#nowMs = untilMs;
    for (let timer = this.#first(isDueBy(untilMs)); timer !== undefined; timer = this.#first(isDueBy(untilMs))) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueAtMs);
      await this.#fire(timer, untilMs);
    }
    this.#nowMs = untilMs;
  }

  async #fire(timer: VirtualTimer, untilMs: number): Promise<void> {
    const { everyMs, callback } = timer;
    if (everyMs === undefined) {
      this.#timers.delete(timer);
      callback();
      await settle();
      return;
    }
    const missed = Math.floor((untilMs - timer.dueAtMs) / everyMs) - TICKS_MAX;
    timer.dueAtMs += everyMs * (1 + Math.max(0, missed));
    callback();
  }

  #first(matches: (timer: VirtualTimer) => boolean): VirtualTimer | undefined {
    let first: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (matches(timer) && (first === undefined || timer.dueAtMs < first.dueAtMs)) first = timer;
    }
    return first;
  }
}

function isDueBy(atMs: number): (timer: VirtualTimer) => boolean {
  return ({ dueAtMs }) => dueAtMs <= atMs;
}

/** What opossum calls by their global names. */
const REPLACED = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const;

/** Replaces the global timers and Date.now by virtual ones. Returns what puts the real ones back. */
export function replaceGlobals(time: VirtualTime): () => void {
  const real = REPLACED.map((name) => [name, globalThis[name]] as const);
  const { now } = Date;
  const handle = (timer: VirtualTimer) => ({ timer, unref() {} });
  const stop = (handled: { timer: VirtualTimer } | undefined) => handled && time.stop(handled.timer);
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, delayMs = 0) => handle(time.start(callback, delayMs)),
    setInterval: (callback: () => void, everyMs: number) => handle(time.start(callback, everyMs, everyMs)),
    clearTimeout: stop,
    clearInterval: stop,
  });
  Date.now = () => time.wallMs();
  return () => {
    Object.assign(globalThis, Object.fromEntries(real));
    Date.now = now;
  };
}
