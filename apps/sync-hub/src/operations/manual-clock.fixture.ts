import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../lanes/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly ring: () => void;
}

/** Time that passes when a test says so. */
export class ManualClock implements Clock {
  #nowMs: number;
  #wallAheadMs = 1_790_000_000_000;
  readonly #timers = new Set<Timer>();

  constructor(nowMs = 0) {
    this.#nowMs = nowMs;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  readonly monotonicMs = () => this.#nowMs;
  readonly wallMs = () => this.#nowMs + this.#wallAheadMs;

  readonly startTimer = (delayMs: number, ring: () => void) => {
    const timer = { atMs: this.#nowMs + delayMs, ring };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** Somebody sets the clock on the wall. */
  jump(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** Lets time pass, timer by timer, with what follows from each. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const next = [...this.#timers].sort((left, right) => left.atMs - right.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.ring();
    }
    this.#nowMs = untilMs;
  }
}

/** Lets run all that is ready now: a memory journal commits once a turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}
