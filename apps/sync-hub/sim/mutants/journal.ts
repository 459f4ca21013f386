import { type Mutant, mutate, withMethod } from './mutant.ts';

const heads = mutate<typeof import('../../src/journal/sqlite/heads.ts')>('journal/sqlite/heads');
const deliveries = mutate<typeof import('../../src/journal/sqlite/delivery-table.ts')>('journal/sqlite/delivery-table');
const stalenessIndex = mutate<typeof import('../../src/journal/sqlite/staleness-index.ts')>(
  'journal/sqlite/staleness-index',
);
const outcomes = mutate<typeof import('../../src/journal/sqlite/recording.ts')>('journal/sqlite/recording');
const accepting = mutate<typeof import('../../src/journal/sqlite/accepting.ts')>('journal/sqlite/accepting');
const records = mutate<typeof import('../../src/journal/sqlite/record-table.ts')>('journal/sqlite/record-table');
const news = mutate<typeof import('../../src/journal/commit-news.ts')>('journal/commit-news');
const lanes = mutate<typeof import('../../src/journal/sqlite/lane-table.ts')>('journal/sqlite/lane-table');
const saved = mutate<typeof import('../../src/journal/sqlite/saved-state.ts')>('journal/sqlite/saved-state');
const lists = mutate<typeof import('../../src/journal/sqlite/lists.ts')>('journal/sqlite/lists');
const client = mutate<typeof import('../../src/journal/client.ts')>('journal/client');

/** Faults in the rule of the heads, and in what else the journal keeps. */
export const JOURNAL_MUTANTS: readonly Mutant[] = [
  heads('places do not rise', 'Heads', (original) =>
    withMethod(original, 'place', () => (_lane, _seq, nowMs) => nowMs - 1_000),
  ),
  heads('the head of a key is not computed after a retry', 'Heads', (original) =>
    withMethod(original, 'settle', (settle, self) => (lane, row, moment) => {
      if (row.state === 1 && row.is_head === 1) self.appoint(lane, row, moment);
      else settle(lane, row, moment);
    }),
  ),
  heads('a replay demotes the head that runs', 'Heads', (original) =>
    withMethod(original, 'reopen', (reopen, self) => (lane, row, moment) => {
      const behindSeq = reopen(lane, row, moment);
      if (behindSeq !== undefined) self.giveBack(lane, behindSeq, moment.nowMs);
      return behindSeq;
    }),
  ),
  heads('a head that is given back stays it', 'Heads', (original) =>
    withMethod(original, 'giveBack', () => () => undefined),
  ),
  heads('hold ignores dead letters', 'Heads', (original) =>
    withMethod(original, 'choose', (choose) => (lane, key, moment) => {
      const { holds } = lane;
      lane.holds = false;
      choose(lane, key, moment);
      lane.holds = holds;
    }),
  ),
  heads('a changed setting of hold is forgotten', 'Heads', (original) =>
    withMethod(original, 'hold', () => (lane, holds) => {
      lane.holds = holds;
    }),
  ),
  heads('what was ready before a restart is not known to have been', 'Heads', (original) =>
    withMethod(original, 'recover', (recover) => (lane, moment) => {
      recover(lane, moment);
      lane.recoveredDueAtMs = Number.NEGATIVE_INFINITY;
      lane.recoveredSeq = 0;
    }),
  ),
  heads('everything is taken for ready before a restart', 'Heads', (original) =>
    withMethod(original, 'recover', (recover) => (lane, moment) => {
      recover(lane, moment);
      lane.recoveredDueAtMs = Number.POSITIVE_INFINITY;
    }),
  ),
  heads('a clock that was set back makes deliveries wait', 'Heads', (original) =>
    withMethod(original, 'recover', (recover) => (lane, moment) => {
      recover(lane, { ...moment, longestWaitMs: Number.MAX_SAFE_INTEGER });
    }),
  ),
  heads('waits that an operator ended go on', 'Heads', (original) => withMethod(original, 'endWaits', () => () => 0)),
  heads('a page leaves out what does not fit', 'Heads', (original) =>
    withMethod(original, 'readReady', (readReady) => (request) => {
      return { ...readReady(request), isEnd: true };
    }),
  ),
  heads('what is not due is handed out', 'Heads', (original) =>
    withMethod(original, 'readReady', (readReady) => (request) => {
      return readReady({ ...request, nowMs: request.nowMs + 1_000 });
    }),
  ),
  stalenessIndex('a stale replay is sent', 'StalenessIndex', (original) =>
    withMethod(original, 'newestDeliveredSeq', () => () => 0),
  ),
  stalenessIndex('what was delivered of a key with a dead letter is not kept', 'StalenessIndex', (original) =>
    withMethod(original, 'changed', () => () => undefined),
  ),
  deliveries('a replay follows what may have run before its key was held', 'DeliveryTable', (original) =>
    withMethod(original, 'mayHaveRunAfter', () => () => false),
  ),
  deliveries('the newest open delivery of a key goes first', 'DeliveryTable', (original) =>
    withMethod(original, 'oldestOpen', () => () => undefined),
  ),
  deliveries('a new delivery is a head beside that of its key', 'DeliveryTable', (original) =>
    withMethod(original, 'insert', (insert) => (lane, delivery) => {
      insert(lane, { ...delivery, isHead: true });
    }),
  ),
  deliveries('nobody knows that a key waits', 'DeliveryTable', (original) =>
    withMethod(original, 'isHeldByKey', () => () => false),
  ),
  outcomes('every replay may follow a newer event of its key', 'Recording', (original) =>
    withMethod(original, 'reopen', (reopen) => (request) => {
      return reopen({ ...request, mayFollow: true });
    }),
  ),
  outcomes('no replay may follow a newer event of its key', 'Recording', (original) =>
    withMethod(original, 'reopen', (reopen) => (request) => {
      return reopen({ ...request, mayFollow: false });
    }),
  ),
  outcomes('a retry is due at once', 'Recording', (original) =>
    withMethod(original, 'record', (record) => (request) => {
      return record({ ...request, dueAtMs: 0, notBeforeMs: 0 });
    }),
  ),
  outcomes('what is discarded stays', 'Recording', (original) =>
    withMethod(original, 'discard', () => () => ({ kind: 'discarded' })),
  ),
  lanes('who owns a lane is not checked', 'LaneTable', (original) =>
    withMethod(original, 'open', (open) => (adapter) => {
      const lane = open(adapter);
      Object.defineProperty(lane, 'epoch', {
        get: () => 1,
        set: () => undefined,
        configurable: true,
        enumerable: true,
      });
      return lane;
    }),
  ),
  lanes('an adapter that left still receives events', 'LaneTable', (original) =>
    withMethod(original, 'setReceivers', (setReceivers, self) => (adapters) => {
      setReceivers([...new Set([...adapters, ...self.receiving.map(({ id }) => id)])]);
    }),
  ),
  accepting('a full disk accepts events all the same', 'Accepting', (original) =>
    withMethod(original, 'accept', (accept) => (request, full) => {
      return full === undefined ? accept(request, full) : 1_000_000;
    }),
  ),
  records('positions of records are used twice', 'RecordTable', (original) =>
    withMethod(original, 'append', (append) => (lane, record) => {
      return Math.max(1, append(lane, record) - 1);
    }),
  ),
  records('a reader that resumes misses one record', 'RecordTable', (original) =>
    withMethod(original, 'read', (read) => (request) => {
      const result = read(request);
      return { ...result, records: result.records.slice(1) };
    }),
  ),
  news('what became ready of a key is not reported', 'CommitNews', (original) =>
    withMethod(original, 'ready', () => () => undefined),
  ),
  news('fresh events are not reported to their lanes', 'CommitNews', (original) =>
    withMethod(original, 'accepted', () => () => undefined),
  ),
  news('when the next retry is due is not reported', 'CommitNews', (original) =>
    withMethod(original, 'due', () => () => undefined),
  ),
  news('a lane does not hear that it is lost', 'CommitNews', (original) =>
    withMethod(original, 'lost', () => () => undefined),
  ),
  news('what was given back is reported beside the new head', 'CommitNews', (original) =>
    withMethod(original, 'withdraw', () => () => undefined),
  ),
  saved('a pause is lost at a restart', 'SavedState', (original) =>
    withMethod(original, 'pause', () => () => undefined),
  ),
  lists('a list leaves out its first', 'Lists', (original) =>
    withMethod(original, 'page', (page) => (request) => {
      const result = page(request);
      return { ...result, deliveries: result.deliveries.slice(1) };
    }),
  ),
  client('the answers of a commit that failed are given', 'JournalClient', (original) =>
    withMethod(original, 'failed', () => () => undefined),
  ),
];
