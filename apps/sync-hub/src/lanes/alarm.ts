import type { Clock } from './clock.ts';

/**
 * One timer for a whole lane, whatever the number of things that wait. It may ring too early, when what it was set
 * for has ended meanwhile; never too late.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #onRing: () => void;
  #setForMs = Number.POSITIVE_INFINITY;
  #takeBack: () => void = () => undefined;
  #stopped = false;

  constructor(clock: Clock, onRing: () => void) {
    this.#clock = clock;
    this.#onRing = onRing;
  }

  /** Makes it ring no later than this on the monotonic clock; Infinity asks for nothing. */
  ringBy(atMs: number): void {
    if (this.#stopped || atMs >= this.#setForMs) return;
    this.#takeBack();
    this.#setForMs = atMs;
    this.#takeBack = this.#clock.startTimer(atMs - this.#clock.monotonicMs(), () => {
      this.#setForMs = Number.POSITIVE_INFINITY;
      this.#onRing();
    });
  }

  /** It never rings again, whatever it is asked for. */
  stop(): void {
    this.#stopped = true;
    this.#takeBack();
  }
}
