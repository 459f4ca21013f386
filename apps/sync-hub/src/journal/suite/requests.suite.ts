import fc from 'fast-check';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Journal } from '../journal.ts';
import { sampleAccept, sampleEvent, sampleJob, sampleRecord, withoutAttempt } from './samples.suite.ts';

/** One request to a journal with what it answers, as far as two journals must agree on it. */
export type JournalStep = (journal: Journal, accepted: readonly AcceptedEvent[]) => Promise<unknown>;

const adapters = ['billing', 'records', 'scheduling'];
const anyAdapter = fc.constantFrom(...adapters);
const anyKey = fc.constantFrom('', 'x', 'y');
const anyPlace = fc.nat(40);

const accept = fc
  .record({ id: fc.nat(60).map(String), key: anyKey, content: fc.constantFrom('1', '2'), to: fc.subarray(adapters) })
  .map(({ id, key, content, to }): JournalStep => {
    const event = sampleEvent(id, { key, data: new Uint8Array(Number(id)) });
    return (journal) => journal.accept(sampleAccept(event, { adapters: to, content }));
  });

const anyState = fc.constantFrom('retrying', 'delivered', 'skipped', 'dead_lettered', 'discarded');

const record = fc
  .record({ place: anyPlace, adapter: anyAdapter, state: anyState, cycle: fc.nat(3), count: fc.nat(9) })
  .map(({ place, adapter, state, cycle, count }): JournalStep => {
    return async (journal, accepted) => {
      const event = accepted[place % Math.max(1, accepted.length)];
      if (event === undefined || !event.adapters.includes(adapter)) return;
      const counts = { adapter, state, cycle, attempts: count, spent: count, crashes: count, nextAttemptAtMs: count };
      journal.record(count === 0 ? withoutAttempt(event, { ...counts, state }) : sampleRecord(event, counts));
    };
  });

const fetchOpen = fc
  .record(
    {
      adapter: anyAdapter,
      afterSeq: anyPlace,
      limit: fc.integer({ min: 1, max: 20 }),
      limitBytes: fc.nat(400),
      upToSeq: anyPlace,
      key: anyKey,
    },
    { requiredKeys: ['adapter', 'afterSeq', 'limit', 'limitBytes'] },
  )
  .map(
    (request): JournalStep =>
      (journal) =>
        journal.fetchOpen(request),
  );

const readEvent = fc
  .nat(60)
  .map(String)
  .map(
    (id): JournalStep =>
      (journal) =>
        journal.readEvent(id),
  );

const readRecords = fc.record({ afterCursor: anyPlace, limit: fc.integer({ min: 1, max: 20 }) }).map(
  (request): JournalStep =>
    (journal) =>
      journal.readRecords(request),
);

const discard = fc.record({ adapter: anyAdapter, seq: anyPlace, atMs: fc.nat(9) }).map(
  (place): JournalStep =>
    (journal) =>
      journal.discard({ ...place, reason: 'in doubt' }),
);

const stepReplay = fc
  .record({
    adapters: fc.subarray(adapters),
    keys: fc.subarray(['', 'x', 'y']),
    upToCursor: fc.nat(200),
    position: fc.option(fc.record({ seq: anyPlace, adapter: anyAdapter })),
    limit: fc.integer({ min: 1, max: 5 }),
    dryRun: fc.boolean(),
    includeStale: fc.boolean(),
    includeReplayed: fc.boolean(),
  })
  .map(({ adapters, keys, upToCursor, position, limit, dryRun, ...included }): JournalStep => {
    const job = sampleJob({ filter: { adapters, keys }, upToCursor, ...included, ...(position && { position }) });
    return (journal) => journal.stepReplay({ job, atMs: 7, ...(!dryRun && { bounds: { limit, limitBytes: 100 } }) });
  });

const readJobs = fc.constant<JournalStep>((journal) => journal.readJobs());

const anyStates = fc.subarray(['waiting', 'retrying', 'delivered', 'skipped', 'dead_lettered', 'discarded'] as const);

const listDeliveries = fc
  .record(
    {
      limit: fc.integer({ min: 1, max: 20 }),
      filter: fc.record(
        {
          adapters: fc.subarray(adapters),
          states: anyStates,
          keys: fc.subarray(['', 'x', 'y']),
          eventIds: fc.subarray(['1', '2', '3', '4', '5', '6', '7', '8']),
          errorKinds: fc.subarray(['delivered', 'retryable'] as const),
        },
        { requiredKeys: [] },
      ),
      after: fc.record({ seq: anyPlace, adapter: anyAdapter }),
    },
    { requiredKeys: ['limit', 'filter'] },
  )
  .map(
    (request): JournalStep =>
      async (journal) => [await journal.listDeliveries(request), await journal.countDeliveriesOf(request.filter)],
  );

const readDeadLetterKeys = anyAdapter.map(
  (adapter): JournalStep =>
    (journal) =>
      journal.readDeadLetterKeys(adapter),
);

const countDeliveries = fc.constant<JournalStep>((journal) => journal.countDeliveries());

/** Any sequence of requests, with more of those that write. */
export const anySteps: fc.Arbitrary<readonly JournalStep[]> = fc.array(
  fc.oneof(
    { arbitrary: accept, weight: 6 },
    { arbitrary: record, weight: 8 },
    { arbitrary: fetchOpen, weight: 4 },
    readEvent,
    readRecords,
    countDeliveries,
    { arbitrary: discard, weight: 2 },
    { arbitrary: listDeliveries, weight: 3 },
    { arbitrary: stepReplay, weight: 5 },
    readJobs,
    readDeadLetterKeys,
  ),
  { minLength: 50, maxLength: 300, size: 'max' },
);
