import type { LaneEffect } from '../src/core/lane.ts';
import type { Outcome, OutcomeKind } from '../src/core/outcome.ts';
import type { Dice } from './dice.ts';
import type { LanePlan } from './lane-plan.ts';

const failure = { code: 'SIMULATED', message: 'by the simulation' };

/** An attempt that runs in the simulated adapter. */
export interface SimulatedAttempt {
  readonly seq: number;
  readonly key: string;
  readonly probe: boolean;
  readonly deadlineAtMs: number;
  /** Its code does not return while there are faults. */
  readonly hangs: boolean;
  /** Its deadline passed. */
  overdue: boolean;
}

/** Adapter code that ends when and as the dice say, or hangs. */
export class SimulatedAdapter {
  /** What runs, by seq; overdue attempts among them. */
  readonly attempts = new Map<number, SimulatedAttempt>();
  readonly #plan: LanePlan;
  readonly #dice: Dice;
  #healed = false;

  constructor(plan: LanePlan, dice: Dice) {
    this.#plan = plan;
    this.#dice = dice;
  }

  /** From now on everything is delivered; what hangs for ever still does. */
  heal(): void {
    this.#healed = true;
  }

  begin(
    { event, timeoutMs }: LaneEffect & { kind: 'attempt' },
    { nowMs, probe }: { nowMs: number; probe: boolean },
  ): void {
    const { seq, key } = event;
    const hangs = !this.#healed && this.#dice.chance(this.#plan.hangs);
    this.attempts.set(seq, { seq, key, probe, deadlineAtMs: nowMs + timeoutMs, hangs, overdue: false });
  }

  /** Those whose code can return. */
  get mayEnd(): readonly SimulatedAttempt[] {
    const hangsOn = !this.#healed || this.#plan.hangsForEver;
    return [...this.attempts.values()].filter(({ hangs }) => !(hangs && hangsOn));
  }

  nextOutcome(): Outcome {
    if (this.#healed) return outcomeOf('delivered');
    return outcomeOf(this.#dice.pick(this.#plan.outcomes), this.#dice.between(0, this.#plan.retryAfterMsMax));
  }
}

export function outcomeOf(kind: OutcomeKind, retryAfterMs = 0): Outcome {
  switch (kind) {
    case 'delivered':
      return { kind, receipt: '' };
    case 'retryable':
    case 'throttled':
      return { kind, failure, retryAfterMs };
    case 'permanent':
    case 'misconfigured':
    case 'timed_out':
    case 'crashed':
      return { kind, failure };
    default:
      return kind satisfies never;
  }
}
