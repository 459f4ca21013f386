import type { DeliveryAttempt } from '../delivery.ts';
import type { AdapterHost } from '../host/host.ts';
import type { Outcome } from '../outcome.ts';

const DRAINING: Outcome = {
  kind: 'retryable',
  code: 'DRAINING',
  message: 'the adapter is draining and accepts no new attempts',
};

/** The running attempts of all streams: Drain waits for them. */
export class RunningAttempts {
  #count = 0;
  #draining = false;
  #onIdle: () => void = () => undefined;

  /** Makes one attempt. Never rejects. */
  async run(host: AdapterHost, attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome> {
    if (this.#draining) return DRAINING;
    this.#count += 1;
    try {
      return await host.deliver(attempt, signal);
    } finally {
      this.#count -= 1;
      if (this.#count === 0) this.#onIdle();
    }
  }

  /** Accepts new attempts again. */
  resume(): void {
    this.#draining = false;
  }

  /** Accepts no new attempts until {@link resume}; resolves when none runs, or after the time, with the number left. */
  async drain(timeoutMs: number): Promise<number> {
    this.#draining = true;
    if (this.#count === 0) return 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
    return this.#count;
  }
}
