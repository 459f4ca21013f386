import type { AttemptEnd, Outcome } from '../core/outcome.ts';
import type { DeliveryAttempt } from '../runtimes/runtime.ts';
import type { AdapterVersion } from './adapter-version.ts';
import type { Breaker } from './breaker.ts';
import { deliverContained } from './contained.ts';

export interface LiveAttemptsOptions {
  readonly breaker: Pick<Breaker, 'run'>;
  /** Adapter code returned, and the breaker has seen what the attempt came to. */
  readonly onEnd: (attempt: LiveAttempt, outcome: AttemptEnd) => void;
}

/** An attempt, and who makes it. */
export interface LiveAttempt {
  readonly seq: number;
  readonly version: AdapterVersion;
  /** Its deadline passed: what it came to is known, and what it returns still does not matter. */
  isExpired: boolean;
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

  /** The attempt of a delivery that runs, or ends at this moment. */
  of(seq: number): LiveAttempt | undefined {
    return this.#bySeq.get(seq);
  }

  begin(attempt: DeliveryAttempt, version: AdapterVersion): void {
    const { seq } = attempt.event;
    const live = {
      seq,
      version,
      isExpired: false,
      abort: new AbortController(),
      heard: Promise.withResolvers<AttemptEnd>(),
    };
    this.#bySeq.set(seq, live);
    version.began();
    // It rejects by a fault of the hub alone, which is to end the process.
    void this.#run(attempt, live);
  }

  /** The deadline passed: the breaker is notified of it now; adapter code is asked to end and is waited for still. */
  expire(seq: number): void {
    const live = this.#bySeq.get(seq);
    if (live === undefined) return;
    live.isExpired = true;
    live.heard.resolve(timedOut);
    live.abort.abort();
  }

  /** Asks all of them to end, and ignores all that follows: what they come to for this reason is not an outcome. */
  abandon(): void {
    this.#abandoned = true;
    for (const { abort } of this.#bySeq.values()) abort.abort();
  }

  async #run(attempt: DeliveryAttempt, live: LiveAttempt): Promise<void> {
    const { breaker, onEnd } = this.#options;
    const { seq, version, abort, heard } = live;
    let returned = heard.promise;
    await breaker.run(seq, () => {
      returned = deliverContained(version.runtime, attempt, abort.signal);
      // Not a race of two promises: there are thousands of attempts a second.
      returned.then(heard.resolve, heard.reject);
      return heard.promise;
    });
    const outcome = await returned;
    if (!this.#abandoned) onEnd(live, outcome);
    // The next attempt of the delivery may have begun by now.
    if (this.#bySeq.get(seq) === live) this.#bySeq.delete(seq);
    version.ended();
  }
}
