import type { DeliveryState, RecordedState } from '../core/delivery.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import { CorruptionError } from './journal-error.ts';

/** The numbers that stand for words in the file. Never renumber: files out there hold them. */

export const stateCodes: Readonly<Record<DeliveryState, number>> = {
  waiting: 0,
  retrying: 1,
  delivered: 2,
  skipped: 3,
  dead_lettered: 4,
  discarded: 5,
};

export const outcomeCodes: Readonly<Record<OutcomeKind, number>> = {
  delivered: 0,
  retryable: 1,
  throttled: 2,
  permanent: 3,
  misconfigured: 4,
  timed_out: 5,
  crashed: 6,
};

const states = wordsByCode(stateCodes);
const outcomes = wordsByCode(outcomeCodes);

/** True for the states that the partial indexes call open. */
export function isOpenCode(stateCode: number): boolean {
  return stateCode < stateCodes.delivered;
}

export function deliveryState(code: number): DeliveryState {
  return word(states, code);
}

export function recordedState(code: number): RecordedState {
  const state = deliveryState(code);
  if (state === 'waiting') throw new CorruptionError('a record has the state of a delivery without records');
  return state;
}

export function outcomeKind(code: number): OutcomeKind {
  return word(outcomes, code);
}

function wordsByCode<Word extends string>(codes: Readonly<Record<Word, number>>): ReadonlyMap<number, Word> {
  return new Map((Object.keys(codes) as Word[]).map((key) => [codes[key], key]));
}

function word<Word>(words: ReadonlyMap<number, Word>, code: number): Word {
  const found = words.get(code);
  if (found === undefined) throw new CorruptionError(`a row holds the unknown code ${code}`);
  return found;
}
