import type { BreakerCondition } from '../../src/core/lane.ts';
import { countsAgainstBreaker, type Outcome } from '../../src/core/outcome.ts';
import type { Dice } from '../dice.ts';
import type { LaneFacts } from './facts.ts';

export interface SimulatedBreakerOptions {
  /** Where it keeps its condition, for the witness to see. */
  readonly facts: LaneFacts;
  readonly dice: Dice;
  /** Called after each change. */
  readonly onChange: (breaker: BreakerCondition) => void;
}

/** Opens at any failure or none, and as opossum does while half open: whatever ends then decides. */
export class SimulatedBreaker {
  readonly #facts: LaneFacts;
  readonly #dice: Dice;
  readonly #onChange: (breaker: BreakerCondition) => void;

  constructor({ facts, dice, onChange }: SimulatedBreakerOptions) {
    this.#facts = facts;
    this.#dice = dice;
    this.#onChange = onChange;
  }

  judge(outcome: Outcome): void {
    const isFailure = countsAgainstBreaker(outcome);
    if (this.#facts.breaker === 'half_open') this.#change(isFailure ? 'open' : 'closed');
    else if (this.#facts.breaker === 'closed' && isFailure && this.#dice.chance(this.#facts.plan.opens)) {
      this.#change('open');
    }
  }

  /** Its time of being open is over. */
  halfOpen(): void {
    if (this.#facts.breaker === 'open') this.#change('half_open');
  }

  /** As in a process that has just started; the lane that starts with it hears of no change. */
  reset(): void {
    this.#facts.breaker = 'closed';
    this.#facts.ramp = Number.POSITIVE_INFINITY;
  }

  /** Open again, as it was before a restart. */
  restore(): void {
    this.#change('open');
  }

  #change(breaker: BreakerCondition): void {
    if (breaker === 'closed') {
      this.#facts.ramp = 1;
      this.#facts.breakerClosedAtMs = this.#facts.nowMs;
    }
    this.#facts.breaker = breaker;
    this.#facts.probeSent = false;
    this.#onChange(breaker);
  }
}
