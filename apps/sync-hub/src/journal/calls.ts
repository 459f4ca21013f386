import type { ReadyDelivery, RecordedDelivery, ReopenedDelivery } from '../core/delivery.ts';
import type { AcceptResult, CallName, JournalCalls } from './journal.ts';

/**
 * Every call by its name: whether it writes in its turn, or reads at the end of its commit. One that writes and whose
 * answer is what is true at the end names the call that reads that, of the same request.
 */
export const CALLS: { readonly [Name in CallName]: 'reads' | 'writes' | { readonly writesThen: CallName } } = {
  accept: 'writes',
  setReceivers: 'writes',
  openLane: 'writes',
  record: 'writes',
  readReady: 'reads',
  readHead: 'reads',
  giveBack: { writesThen: 'readHead' },
  endWaits: 'writes',
  discard: 'writes',
  stepReplay: 'writes',
  readEvent: 'reads',
  readRecords: 'reads',
  listDeliveries: 'reads',
  countSome: 'reads',
  saveBreaker: 'writes',
  saveLanePause: 'writes',
  saveJob: 'writes',
  readJobs: 'reads',
  prune: 'writes',
  readStatistics: 'reads',
};

export const CALL_NAMES = Object.keys(CALLS) as readonly CallName[];

/** One call on its way to the store. */
export type Call = { readonly [Name in CallName]: CallOf<Name> }[CallName];

export interface CallOf<Name extends CallName> {
  readonly name: Name;
  readonly request: Request<Name>;
}

export type Request<Name extends CallName> = Name extends 'readJobs' | 'readStatistics'
  ? undefined
  : Parameters<JournalCalls[Name]>[0];

/** The calls as a store answers them: of what the asking side has itself, only numbers come back. */
export type StoreCalls = {
  readonly [Name in CallName]: (request: Request<Name>) => StoreAnswer<Name>;
};

export type StoreAnswer<Name extends CallName> = Name extends 'accept'
  ? StoreAccept
  : Name extends 'record'
    ? number
    : ReturnType<JournalCalls[Name]>;

/** A new event: its seq; with the adapters that hold it by its key, when there are such. */
export type StoreAccept =
  | number
  | {
      readonly kind: 'held';
      readonly seq: number;
      readonly heldByKey: readonly string[];
      /** Where it goes, when that is not what the asking side knows: another hub changed it. */
      readonly adapters?: readonly string[];
    }
  | Exclude<AcceptResult, { readonly kind: 'accepted' }>;

/** What a record is answered with when its lane belongs to somebody else; else with its position, which is above 0. */
export const LANE_LOST = 0;

/** What one transaction came to, as plain data. */
export interface CommitReport {
  /** In the order of the calls. */
  readonly answers: readonly StoreAnswer<CallName>[];
  /** Records that came along with other calls than `record`, or with the outcome of another delivery; each after the
   * call with this index, in their order. */
  readonly records: readonly { readonly call: number; readonly record: RecordedDelivery }[];
  readonly reopened: readonly ReopenedDelivery[];
  readonly lanes: readonly LaneReport[];
}

/** See LaneNews. */
export interface LaneReport {
  readonly adapter: string;
  /** What became ready, in order, two numbers for each: the index of the call that accepted it, or -1 for the next one
   * of `heads`, and its due time. */
  readonly ready: readonly number[];
  readonly heads: readonly ReadyDelivery[];
  readonly isMore: boolean;
  readonly nextDueAtMs: number;
  readonly lostEpoch: number;
}
