import type { DeliveryAttempt } from '../delivery.ts';
import type { AdapterHost } from '../host/host.ts';
import type { Outcome } from '../outcome.ts';

const DRAINING: Outcome = {
  kind: 'retryable',
  code: 'DRAINING',
  message: 'the adapter finishes what it has and takes nothing new',
};

/** Every attempt that adapter code works on, over all streams: what Drain waits for. */
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

  /** Takes new ones again. */
  resume(): void {
    this.#draining = false;
  }

  /** Takes nothing new until {@link resume}; resolves when nothing runs, or after the time, with what is left. */
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
