import { SYSTEMS, type SystemName } from './system.ts';

/** The state of one idempotency key. */
interface Entry {
  attempts: number;
  receipt: string | null;
  lastSequence: number;
}

/** The result of applying a change: its receipt, and whether this call had the effect. */
export interface Applied {
  readonly receipt: string;
  readonly effect: boolean;
}

/**
 * Makes a stand-in idempotent: each idempotency key has one effect, and a repeated call gets the first receipt. A key is
 * kept as long as the last call with it, so the bound on calls also bounds the keys.
 */
export class Receipts {
  readonly #prefix: string;
  readonly #entries = new Map<string, Entry>();
  #issued = 0;

  constructor(system: SystemName) {
    this.#prefix = SYSTEMS[system].receiptPrefix;
  }

  /** How many keys are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** Counts call number `sequence` and returns its number among the calls with this key, from 1. Without a key always 1. */
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

  /** Applies the change of a counted call, unless it was applied before. */
  apply(idempotencyKey: string | null): Applied {
    const entry = idempotencyKey === null ? undefined : this.#entries.get(idempotencyKey);
    if (entry !== undefined && entry.receipt !== null) return { receipt: entry.receipt, effect: false };
    this.#issued += 1;
    const receipt = `${this.#prefix}-${String(this.#issued).padStart(6, '0')}`;
    if (entry !== undefined) entry.receipt = receipt;
    return { receipt, effect: true };
  }

  /** Drops the key of call number `sequence`, unless a later call has it too. */
  forget(idempotencyKey: string | null, sequence: number): void {
    if (idempotencyKey === null) return;
    if (this.#entries.get(idempotencyKey)?.lastSequence === sequence) this.#entries.delete(idempotencyKey);
  }
}
