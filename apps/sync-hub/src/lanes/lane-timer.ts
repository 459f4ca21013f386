import type { Clock } from './clock.ts';

/**
 * One timer for a whole lane, whatever the number of things that wait. It may fire too early, when what it was set
 * for has ended meanwhile; never too late.
 */
export class LaneTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #setForMs = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => undefined;
  #stopped = false;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Makes it fire no later than this on the monotonic clock; Infinity asks for nothing. */
  scheduleBy(atMs: number): void {
    if (this.#stopped || atMs >= this.#setForMs) return;
    this.#cancel();
    this.#setForMs = atMs;
    this.#cancel = this.#clock.startTimer(atMs - this.#clock.monotonicMs(), () => {
      this.#setForMs = Number.POSITIVE_INFINITY;
      this.#onDue();
    });
  }

  /** It never fires again, whatever it is asked for. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }
}
