import type { Outcome } from '../../core/outcome.ts';
import type { CheckResult, DeliveryAttempt, Runtime, RuntimeStart } from '../runtime.ts';

/** An adapter that a test plays: what it answers, and all that it was asked. */
export class ScriptedRuntime implements Runtime {
  readonly kind = 'inline';
  readonly attempts: DeliveryAttempt[] = [];
  readonly signals: AbortSignal[] = [];
  isClosed = false;
  start: () => Promise<RuntimeStart>;
  check: () => Promise<readonly CheckResult[]> = async () => [];
  /** Called for each attempt, as adapter code is; may break the port's rules. */
  answer: (attempt: DeliveryAttempt, signal: AbortSignal) => Promise<Outcome> = async () => ({
    kind: 'delivered',
    receipt: '',
  });

  constructor(start: Partial<RuntimeStart & { kind: 'ready' }> = {}) {
    const ready = { kind: 'ready', accepts: 'all', concurrency: 8, attemptTimeoutMs: 10_000, ...start } as const;
    this.start = async () => ready;
  }

  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome> {
    this.attempts.push(attempt);
    this.signals.push(signal);
    return this.answer(attempt, signal);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  /** The ids of the events that were attempted, in order. */
  get ids(): readonly string[] {
    return this.attempts.map(({ event }) => event.id);
  }
}
