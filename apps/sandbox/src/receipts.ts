import { SYSTEMS, type SystemName } from './system.ts';

/** What the stand-in knows about one idempotency key. */
interface Entry {
  attempts: number;
  receipt: string | null;
  lastSequence: number;
}

/** The result of applying a change: its receipt, and whether this was the time it took effect. */
export interface Applied {
  readonly receipt: string;
  readonly effect: boolean;
}

/**
 * The memory that makes a stand-in an idempotent receiver: a change takes effect once for each idempotency key, and
 * whoever repeats it gets the receipt of the first time. A key is remembered as long as the last call that carried it,
 * so that the bound on calls bounds this as well.
 */
export class Receipts {
  readonly #prefix: string;
  readonly #entries = new Map<string, Entry>();
  #issued = 0;

  constructor(system: SystemName) {
    this.#prefix = SYSTEMS[system].receiptPrefix;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** Counts call number `sequence` and returns which call with this key it is, counted from 1. Without a key each is the first. */
  countAttempt(idempotencyKey: string | null, sequence: number): number {
    if (idempotencyKey === null) return 1;
    const entry = this.#entries.get(idempotencyKey);
    if (entry === undefined) {
      this.#entries.set(idempotencyKey, { attempts: 1, receipt: null, lastSequence: sequence });
      return 1;
    }
    entry.attempts += 1;
    entry.lastSequence = sequence;
    return entry.attempts;
  }

  /** Applies the change of a counted call, or finds that it was applied before. */
  apply(idempotencyKey: string | null): Applied {
    const entry = idempotencyKey === null ? undefined : this.#entries.get(idempotencyKey);
    if (entry !== undefined && entry.receipt !== null) return { receipt: entry.receipt, effect: false };
    this.#issued += 1;
    const receipt = `${this.#prefix}-${String(this.#issued).padStart(6, '0')}`;
    if (entry !== undefined) entry.receipt = receipt;
    return { receipt, effect: true };
  }

  /** Call number `sequence` has left the memory: its key goes with it, unless a later call carried it too. */
  forget(idempotencyKey: string | null, sequence: number): void {
    if (idempotencyKey === null) return;
    if (this.#entries.get(idempotencyKey)?.lastSequence === sequence) this.#entries.delete(idempotencyKey);
  }
}
