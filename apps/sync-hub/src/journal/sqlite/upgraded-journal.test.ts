import { createHash } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import type { DeliveryRecord, RecordedDelivery } from '../../core/delivery.ts';
import type { Commit, Journal } from '../journal.ts';
import { useOldJournal } from './fixtures/old-journal.fixture.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

// What a hub finds and does in a journal that version 2 left behind.

const ADAPTERS = ['billing', 'lab', 'records'];
/** When version 2 was stopped, after all that it wrote. */
const NOW_MS = 1_790_000_112_000;
/** After the last due time. */
const LATER_MS = 1_790_000_200_000;
const LIMITS = { limit: 100, limitBytes: 1_000_000 };

async function open({ onDeadLetter = 'continue' as 'continue' | 'hold', nowMs = NOW_MS } = {}) {
  const journal = await openSqliteJournal({ folder: useOldJournal(2) });
  onTestFinished(() => journal.close());
  const commits: Commit[] = [];
  journal.subscribe({
    committed: (commit) => commits.push(commit),
    ended: (error) => expect.unreachable(error.message),
  });
  await journal.setReceivers(ADAPTERS);
  const lanes = new Map<string, number>();
  for (const adapter of ADAPTERS) {
    const { epoch } = await journal.openLane({ adapter, onDeadLetter, nowMs, longestWaitMs: 3_600_000 });
    lanes.set(adapter, epoch);
  }
  return { journal, epoch: (adapter: string) => lanes.get(adapter) ?? 0, commits };
}

async function ready(journal: Journal, adapter: string, nowMs = NOW_MS): Promise<readonly string[]> {
  const { deliveries } = await journal.readReady({ adapter, nowMs, ...LIMITS });
  return deliveries.map(({ event, mayHaveRun }) => `${event.id}${mayHaveRun ? ' may have run' : ''}`);
}

function recordsOf(commits: readonly Commit[]): readonly RecordedDelivery[] {
  return commits.flatMap(({ records }) => records);
}

it('hands out what is ready, each key in its order, and says what may have been attempted', async () => {
  const { journal } = await open();
  expect(journal.info).toMatchObject({
    id: '0a1b2c3d',
    positions: new Map([
      ['billing', 34],
      ['lab', 34],
      ['records', 34],
    ]),
  });
  expect(await ready(journal, 'billing')).toEqual(
    ['open', 'held', 'waiting', 'reopened', 'stale-wanted'].map((id) => `${id} may have run`),
  );
  expect(await ready(journal, 'records')).toEqual(['open may have run', 'waiting may have run']);
  expect(await ready(journal, 'lab')).toEqual(['waiting may have run']);
  expect(await ready(journal, 'billing', LATER_MS)).toEqual([
    ...['open', 'held', 'waiting', 'reopened', 'stale-wanted'].map((id) => `${id} may have run`),
    'retrying may have run',
    'reopened-retrying may have run',
  ]);
});

it('holds the keys of its dead letters where that is wanted', async () => {
  const { journal } = await open({ onDeadLetter: 'hold' });
  // A dead letter of its key is before it.
  expect(await ready(journal, 'billing')).not.toContain('held may have run');
  const stored = await journal.readEvent({ id: 'held' });
  expect(stored).toMatchObject({ deliveries: [{ adapter: 'billing', isHeldByKey: true }, { adapter: 'records' }] });
});

it('keeps breakers, pauses and jobs', async () => {
  const { journal } = await open();
  const opened = (adapter: string) =>
    journal.openLane({ adapter, onDeadLetter: 'continue', nowMs: NOW_MS, longestWaitMs: 3_600_000 });
  expect(await opened('billing')).toMatchObject({
    breaker: { state: 'open', cause: '5 of 8 failed' },
    pause: undefined,
  });
  expect(await opened('lab')).toMatchObject({ breaker: { state: 'half_open' } });
  expect(await opened('records')).toMatchObject({ pause: { reason: 'maintenance, says Dana' } });
  expect((await journal.readJobs()).map(({ id, state }) => `${id} ${state}`)).toEqual([
    'job-first done',
    'job-stale done',
    'job-running running',
  ]);
});

it('records the next outcome behind every old cursor, and makes the next of the key ready', async () => {
  const { journal, epoch, commits } = await open();
  const delivered: DeliveryRecord = {
    adapter: 'billing',
    seq: 10,
    eventId: 'reopened',
    source: 'hms-api',
    key: 'g',
    adapterVersion: '2.0.0',
    state: 'delivered',
    cycle: 2,
    attempts: 1,
    spent: 1,
    crashes: 0,
    atMs: NOW_MS,
    nextAttemptAtMs: 0,
    attempt: { startedAtMs: NOW_MS - 10, durationMs: 10, outcome: 'delivered', receipt: 'ok' },
  };
  const request = { epoch: epoch('billing'), nowMs: NOW_MS, dueAtMs: 0, notBeforeMs: 0 };
  expect(await journal.record({ record: delivered, ...request })).toEqual({ kind: 'recorded', position: 35 });
  const next = commits.at(-1)?.lanes.get('billing')?.ready;
  expect(next?.map(({ event, mayHaveRun }) => `${event.id} ${mayHaveRun}`)).toEqual(['behind-reopened true']);
  const { records } = await journal.readRecords({
    after: new Map(ADAPTERS.map((adapter) => [adapter, 30])),
    limit: 99,
  });
  expect(records.map(({ adapter, eventId, position }) => `${adapter} ${eventId} ${position}`)).toEqual([
    'billing reopened-retrying 31',
    'billing newer-g 32',
    'billing stale-crashed 34',
    'billing reopened 35',
    'lab throttled 33',
  ]);
});

it('continues a job: not with what is stale, nor with what died after it was made', async () => {
  const { journal, commits } = await open();
  const running = (await journal.readJobs()).at(-1);
  if (running === undefined) throw new Error('the job is gone');
  const bounds = { limit: 10, limitBytes: 1_000_000 };
  const { job } = await journal.stepReplay({ job: running, bounds, atMs: NOW_MS, nowMs: NOW_MS });
  expect(job).toMatchObject({ state: 'done', sent: 1, skippedStale: 1 });
  expect(commits.flatMap(({ reopened }) => reopened)).toEqual([{ adapter: 'billing', seq: 8, behindSeq: 9 }]);
  expect(recordsOf(commits)).toEqual([]);
});

it('knows its events: a duplicate of one, a conflict with it, and the same id of another source', async () => {
  const { journal } = await open();
  const found = await journal.readEvent({ id: 'settled', source: 'hms-api' });
  if (found.kind !== 'found') throw new Error('the event is gone');
  // Its idempotency key is what it was.
  expect(found.event.hasUniqueId).toBe(true);
  const others = { publishedBy: 'token hms-api', acceptedAtMs: NOW_MS, nowMs: NOW_MS };
  const accept = (content: string, source = 'hms-api') => {
    const contentHash = createHash('sha256').update(content).digest();
    return journal.accept({ event: { ...found.event, source }, contentHash, ...others });
  };
  expect(await accept('settled')).toMatchObject({ kind: 'duplicate', event: { seq: 5 } });
  expect(await accept('other')).toEqual({ kind: 'conflict' });
  expect(await accept('other', 'elsewhere')).toMatchObject({ kind: 'accepted', event: { seq: 20 } });
  const added = await journal.readEvent({ id: 'settled', source: 'elsewhere' });
  expect(added.kind === 'found' && added.event.hasUniqueId).toBeUndefined();
});
