import type { AttemptEnd, Outcome } from '../core/outcome.ts';
import type { DeliveryAttempt, Runtime } from '../runtimes/runtime.ts';
import type { Breaker } from './breaker.ts';
import { deliverContained } from './contained.ts';

export interface LiveAttemptsOptions {
  readonly breaker: Pick<Breaker, 'run'>;
  /** Adapter code returned, and the breaker has seen what the attempt came to. */
  readonly onEnd: (seq: number, outcome: AttemptEnd) => void;
}

interface LiveAttempt {
  readonly abort: AbortController;
  /** What the breaker hears: the outcome, or that the deadline passed, whichever is first. */
  readonly heard: PromiseWithResolvers<AttemptEnd>;
}

const timedOut: Outcome = {
  kind: 'timed_out',
  failure: { code: 'TIMED_OUT', message: 'no answer within the deadline' },
};

/** The attempts in which adapter code runs, from the call through the breaker until it returns. */
export class LiveAttempts {
  readonly #options: LiveAttemptsOptions;
  readonly #bySeq = new Map<number, LiveAttempt>();
  #abandoned = false;

  constructor(options: LiveAttemptsOptions) {
    this.#options = options;
  }

  /** In which adapter code runs now. */
  get size(): number {
    return this.#bySeq.size;
  }

  /** @param runtime whose adapter code makes it */
  begin(attempt: DeliveryAttempt, runtime: Pick<Runtime, 'deliver'>): void {
    const live = { abort: new AbortController(), heard: Promise.withResolvers<AttemptEnd>() };
    this.#bySeq.set(attempt.event.seq, live);
    // It rejects by a fault of the hub alone, which is to end the process.
    void this.#run(attempt, runtime, live);
  }

  /** The deadline passed: the breaker is notified of it now; adapter code is asked to end and is waited for still. */
  expire(seq: number): void {
    const live = this.#bySeq.get(seq);
    live?.heard.resolve(timedOut);
    live?.abort.abort();
  }

  /** Asks all of them to end, and ignores all that follows: what they come to for this reason is not an outcome. */
  abandon(): void {
    this.#abandoned = true;
    for (const { abort } of this.#bySeq.values()) abort.abort();
  }

  async #run(
    attempt: DeliveryAttempt,
    runtime: Pick<Runtime, 'deliver'>,
    { abort, heard }: LiveAttempt,
  ): Promise<void> {
    const { breaker, onEnd } = this.#options;
    let returned = heard.promise;
    await breaker.run(attempt.event.seq, () => {
      returned = deliverContained(runtime, attempt, abort.signal);
      // Not a race of two promises: there are thousands of attempts a second.
      returned.then(heard.resolve, heard.reject);
      return heard.promise;
    });
    const outcome = await returned;
    this.#bySeq.delete(attempt.event.seq);
    if (!this.#abandoned) onEnd(attempt.event.seq, outcome);
  }
}
