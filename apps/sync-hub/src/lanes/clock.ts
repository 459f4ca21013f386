/** Time as a lane sees it; the simulation has its own. */
export interface Clock {
  /** Milliseconds since 1970 as the clock had it when the process started, and from then on only counted: it never goes
   * back and does not jump when somebody sets the clock. */
  monotonicMs(): number;
  /** Wall-clock time: milliseconds since 1970. */
  wallMs(): number;
  /** Calls back once after the delay; returns what cancels that. */
  startTimer(delayMs: number, callback: () => void): () => void;
}

/** setTimeout overflows to 1 ms past this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  monotonicMs: () => performance.timeOrigin + performance.now(),
  wallMs: () => Date.now(),
  startTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** Resolves with the promise, or after the time when it takes longer. */
export async function atTheLatest(
  withinMs: number,
  promise: Promise<void>,
  clock: Pick<Clock, 'startTimer'>,
): Promise<void> {
  const { promise: timeIsUp, resolve } = Promise.withResolvers<void>();
  const cancel = clock.startTimer(withinMs, resolve);
  await Promise.race([promise, timeIsUp]);
  cancel();
}
