import type { LaneEffect } from '../../src/core/lane-effect.ts';
import type { Outcome, OutcomeKind } from '../../src/core/outcome.ts';
import type { Dice } from '../dice.ts';
import type { LanePlan } from './plan.ts';
import { isPoison } from './publisher.ts';

const failure = { code: 'SIMULATED', message: 'by the simulation' };

/** An attempt that runs in the simulated adapter. */
export interface SimulatedAttempt {
  readonly seq: number;
  readonly key: string;
  /** The breaker was half open, or a person asked for it. */
  readonly probe: boolean;
  readonly startedAtMs: number;
  readonly deadlineAtMs: number;
  /** Its code does not return while there are faults. */
  readonly hangs: boolean;
  readonly isPoison: boolean;
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
  #cured = false;

  constructor(plan: LanePlan, dice: Dice) {
    this.#plan = plan;
    this.#dice = dice;
  }

  /** From now on everything is delivered but what is poisonous; what hangs for ever still does. */
  heal(): void {
    this.#healed = true;
  }

  /** Nothing is poisonous any more. */
  cure(): void {
    this.#cured = true;
  }

  begin(
    { event, timeoutMs }: LaneEffect & { kind: 'attempt' },
    { nowMs, probe }: { nowMs: number; probe: boolean },
  ): void {
    const { seq, key } = event;
    const hangs = !this.#healed && this.#dice.chance(this.#plan.hangs);
    const deadlineAtMs = nowMs + timeoutMs;
    const attempt = { seq, key, probe, startedAtMs: nowMs, deadlineAtMs, hangs, isPoison: isPoison(event) };
    this.attempts.set(seq, { ...attempt, overdue: false });
  }

  /** Its deadline passed; its code runs on. */
  expire(seq: number): void {
    const attempt = this.attempts.get(seq);
    if (attempt !== undefined) attempt.overdue = true;
  }

  /** Those whose code can return. */
  get mayEnd(): readonly SimulatedAttempt[] {
    const hangsOn = !this.#healed || this.#plan.hangsForEver;
    return [...this.attempts.values()].filter(({ hangs }) => !(hangs && hangsOn));
  }

  /** What an attempt comes to. One that crashes takes all others down with it when it is poisonous. */
  nextOutcome(attempt: SimulatedAttempt): Outcome {
    if (attempt.isPoison && !this.#cured) return outcomeOf(this.#plan.poison.kind);
    if (this.#healed) return outcomeOf('delivered');
    const outcome = outcomeOf(this.#dice.pick(this.#plan.outcomes), this.#dice.between(0, this.#plan.retryAfterMsMax));
    return outcome.kind === 'throttled' && this.#dice.chance(0.4) ? { ...outcome, scope: 'delivery' } : outcome;
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
      return { kind, failure };
    case 'crashed':
      return { kind, failure, suspects: 1 };
    default:
      return kind satisfies never;
  }
}
