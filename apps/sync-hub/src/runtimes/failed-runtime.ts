import type { Outcome } from '../core/outcome.ts';
import type { Runtime, RuntimeStart } from './runtime.ts';

/** Stands where an adapter could not even be found, so that its lane exists, keeps its queue and says why. */
export class FailedRuntime implements Runtime {
  readonly kind = 'inline';
  readonly #start: RuntimeStart;

  constructor(start: RuntimeStart & { kind: 'failed' | 'incompatible' }) {
    this.#start = start;
  }

  async start(): Promise<RuntimeStart> {
    return this.#start;
  }

  async deliver(): Promise<Outcome> {
    return { kind: 'crashed', failure: { code: 'NOT_STARTED', message: 'the adapter does not run' } };
  }

  async close(): Promise<void> {}
}
