import type { LaneState } from '../../src/core/lane.ts';
import type { LaneInput } from '../../src/core/lane-input.ts';
import { nextProbe } from '../../src/core/probe.ts';
import type { Dice } from '../dice.ts';
import type { SimulatedBreaker } from './breaker.ts';
import { type LaneFacts, must } from './facts.ts';
import { isSettled } from './journal.ts';

export interface SimulatedOperatorOptions {
  readonly facts: LaneFacts;
  readonly dice: Dice;
  readonly breaker: SimulatedBreaker;
  readonly state: () => LaneState;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly take: (input: LaneInput) => void;
  /** Called before the lane hears that waits are over. */
  readonly onRetryNow: () => void;
}

/** People at work on a lane: they pause and resume it, let one delivery through, send dead letters again, give up. */
export class SimulatedOperator {
  readonly #options: SimulatedOperatorOptions;

  constructor(options: SimulatedOperatorOptions) {
    this.#options = options;
  }

  pauseOrResume(): void {
    const { facts, take } = this.#options;
    facts.paused = !facts.paused;
    const atMs = facts.nowMs;
    const cause = { kind: 'operator', reason: 'maintenance' } as const;
    take(facts.paused ? { kind: 'paused', atMs, cause } : { kind: 'resumed', atMs });
  }

  /** Lets one through: exactly one attempt begins. */
  probe(): void {
    const { facts, breaker, take, state } = this.#options;
    const seq = nextProbe(state())?.event.seq;
    if (seq === undefined) return;
    const before = new Set(facts.attempts.keys());
    const wasHeld = facts.paused || facts.breaker !== 'closed' || facts.throttledUntilMs > facts.nowMs;
    facts.asked = seq;
    take({ kind: 'probe', atMs: facts.nowMs, seq });
    breaker.halfOpen();
    facts.asked = undefined;
    const begun = [...facts.attempts.keys()].filter((attempt) => !before.has(attempt));
    must(begun.includes(seq), `event ${seq} was let through`);
    must(!wasHeld || begun.length === 1, `one was let through, not ${begun.length}`);
  }

  /** Ends every wait for a time. */
  retryNow(): void {
    const { facts, take, state, onRetryNow } = this.#options;
    facts.throttledUntilMs = 0;
    facts.throttledAtMostUntilMs = 0;
    onRetryNow();
    take({ kind: 'retry_now', atMs: facts.nowMs });
    const { scheduled, throttledUntilMs } = state();
    must(scheduled.size === 0 && throttledUntilMs === 0, 'nothing waits for a time once an operator retries now');
  }

  /** Any event, as a person may name it from an old list. */
  replay(): void {
    const { facts, dice, wallMs } = this.#options;
    const deadLetter = dice.pick(facts.journal.deadLetters);
    const includeStale = dice.chance(0.5);
    if (deadLetter !== undefined) facts.journal.replay(deadLetter.event, { atMs: wallMs(), includeStale });
  }

  discard(): void {
    const { facts, dice, take, wallMs } = this.#options;
    const { journal, givenUp } = facts;
    const deadLetter = dice.pick(journal.deadLetters);
    if (deadLetter !== undefined && dice.chance(0.5)) journal.discard(deadLetter.event.seq, wallMs());
    if (journal.lastSeq === 0) return;
    const seqs = new Set(Array.from({ length: dice.between(1, 4) }, () => dice.between(1, journal.lastSeq)));
    const asked = [...seqs].filter((seq) => !givenUp.has(seq));
    for (const seq of asked) givenUp.add(seq);
    take({ kind: 'discard', atMs: facts.nowMs, seqs: asked, reason: 'by the simulation' });
  }

  /** Nothing is left in doubt: each dead letter is sent again or given up. */
  decide(): void {
    const { facts, dice, wallMs } = this.#options;
    const { journal } = facts;
    for (const { event } of journal.deadLetters) {
      if (dice.chance(0.7)) journal.replay(event, { atMs: wallMs(), includeStale: true });
      else journal.discard(event.seq, wallMs());
    }
  }

  /** True when somebody has something left to decide. */
  get hasDecisions(): boolean {
    const { journal, plan } = this.#options.facts;
    const isHeld = plan.rules.onDeadLetter === 'hold' && journal.deliveries.some((delivery) => !isSettled(delivery));
    return isHeld && journal.deadLetters.length > 0;
  }
}
