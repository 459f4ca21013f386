import type { AttemptEnd } from '../core/outcome.ts';
import { type CheckResult, NOT_SENT, type Runtime, type RuntimeStart } from './runtime.ts';

/** Used for an adapter that could not even be found, so that its lane exists, keeps its queue and says why. */
export class FailedRuntime implements Runtime {
  readonly kind: Runtime['kind'];
  readonly #start: RuntimeStart;

  constructor(kind: Runtime['kind'], start: RuntimeStart & { kind: 'failed' | 'incompatible' }) {
    this.kind = kind;
    this.#start = start;
  }

  async start(): Promise<RuntimeStart> {
    return this.#start;
  }

  async check(): Promise<readonly CheckResult[]> {
    return [];
  }

  async deliver(): Promise<AttemptEnd> {
    return NOT_SENT;
  }

  async close(): Promise<void> {}
}
