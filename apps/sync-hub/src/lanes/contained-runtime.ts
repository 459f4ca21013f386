import type { AttemptEnd, Failure } from '../core/outcome.ts';
import type { CheckResult, DeliveryAttempt, Runtime, RuntimeStart } from '../runtimes/runtime.ts';

/**
 * A runtime that keeps the port's word even when the one behind it does not: what throws or rejects there becomes an
 * outcome here. One adapter's trouble then ends one attempt, and not the hub.
 */
export class ContainedRuntime implements Runtime {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get kind(): Runtime['kind'] {
    return this.#runtime.kind;
  }

  async start(onChange?: (start: RuntimeStart) => void): Promise<RuntimeStart> {
    try {
      return await this.#runtime.start(onChange);
    } catch (error) {
      return { kind: 'failed', reason: sentence('could not be started', error) };
    }
  }

  async check(): Promise<readonly CheckResult[]> {
    try {
      return await this.#runtime.check();
    } catch (error) {
      return [{ name: 'check', ok: false, message: sentence('could not be checked', error) }];
    }
  }

  async deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd> {
    try {
      return await this.#runtime.deliver(attempt, signal);
    } catch (error) {
      return { kind: 'crashed', failure: broken(error), suspects: 1 };
    }
  }

  async close(): Promise<void> {
    // Whatever it says, nothing is delivered to it any more, and the hub goes on stopping.
    await Promise.allSettled([Promise.try(() => this.#runtime.close())]);
  }
}

function broken(error: unknown): Failure {
  return { code: 'RUNTIME_BROKEN', message: sentence('failed where it must not', error) };
}

/** Names the kind of error and no more: its message is adapter code's own and may hold a payload or a secret. */
function sentence(what: string, error: unknown): string {
  return `the adapter's runtime ${what} (${error instanceof Error ? error.name : typeof error})`;
}
