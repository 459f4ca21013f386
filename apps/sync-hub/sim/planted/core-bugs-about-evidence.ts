import type { PlantedBug } from './planted-bug.ts';

/** Faults in what counts, and in when a delivery becomes a dead letter. */
export const BUGS_ABOUT_EVIDENCE: readonly PlantedBug[] = [
  {
    name: 'attempts are used up by failures alone, as in an outage',
    file: 'evidence.ts',
    find: 'return this.#isWell && nowMs - this.#deliveredAtMs <= RIGHT_AFTER_MS;',
    replace: 'return nowMs >= 0;',
  },
  {
    name: 'a failure counts by what was sent before it',
    file: 'evidence.ts',
    find: 'failedAtMs <= startedAtMs',
    replace: 'failedAtMs <= nowMs + startedAtMs',
  },
  {
    name: 'failures count though the breaker opened',
    file: 'step.ts',
    find: 'else state.evidence.forgetAll();',
    replace: '',
  },
  {
    name: 'an outage uses up the age of a delivery',
    file: 'last-attempt.ts',
    find: 'Math.max(delivery.sinceMs, state.breakerClosedAtMs)',
    replace: 'delivery.sinceMs',
  },
  {
    name: 'a wait that the external system names may be faster than the backoff',
    file: 'conclude.ts',
    find: 'const inMs = Math.max(askedMs, backoff(turn, counts.attempts));',
    replace: 'const inMs = askedMs;',
  },
  {
    name: 'a throttled lane may go on faster than the backoff',
    file: 'conclude.ts',
    find: 'const waitMs = Math.max(askedMs, backoff(turn, state.throttlesInARow));',
    replace: 'const waitMs = askedMs;',
  },
  {
    name: 'the breaker counts each attempt of an event that always fails',
    file: '../lanes/breaker.ts',
    find: "if (this.#condition === 'closed' && this.#isCounted(seq)) return",
    replace: "if (this.#condition === 'open' && this.#isCounted(seq)) return",
  },
];
