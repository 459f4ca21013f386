import { expect, it } from 'vitest';
import type { AcceptedEvent } from '../../core/event.ts';
import type { ReplayJob } from '../replay-job.ts';
import { type CreatePlace, flushed, type Session, useJournal, usePlace } from './place.fixture.ts';
import { countStale, deadLettered, NOW_MS, replayAll, retrying, sampleEvent, sampleRecord } from './samples.fixture.ts';

const job: ReplayJob = {
  id: 'job-1',
  state: 'running',
  filter: { adapters: ['billing'], states: ['dead_lettered'] },
  ratePerSecond: 50,
  reason: 'billing is back, says Dana',
  includeStale: false,
  includeReplayed: true,
  createdAtMs: 1_790_000_100_000,
  upTo: { billing: 12 },
  matched: 12,
  skippedStale: 1,
  skippedReplayed: 0,
  sent: 3,
  position: { seq: 7, adapter: 'billing' },
};

/** What operators decide: about dead letters, jobs, lanes. */
export function decidingSuite(createPlace: CreatePlace): void {
  it('begins a new cycle of a dead letter, and reports it once it is on disk', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const event = await session.acceptNew(sampleEvent('a'));
    void session.record(deadLettered(event, { attempts: 10, spent: 9, crashes: 2 }));
    const counts = { cycle: 2, attempts: 0, spent: 0, crashes: 0 };
    const delivery = { event, ...counts, notBeforeMs: 0, sinceMs: NOW_MS, mayHaveRun: false };
    expect(await replayAll(session.journal, { adapters: ['billing'] }, 5_000)).toMatchObject({
      state: 'done',
      sent: 1,
    });
    const commit = session.commits.at(-1);
    expect(commit?.reopened).toEqual([{ adapter: 'billing', seq: event.seq, behindSeq: undefined }]);
    expect(commit?.lanes.get('billing')?.ready).toMatchObject([delivery]);
    await session.journal.close();
    const again = await open();
    expect(await again.readReady()).toMatchObject([{ ...delivery, mayHaveRun: true }]);
    expect((await again.journal.readStatistics()).lanes[0]).toMatchObject({ unsettled: 1, deadLetters: 0 });
    const page = await again.journal.listDeliveries({ filter: { adapters: ['billing'] }, limit: 9 });
    expect(page.deliveries).toMatchObject([{ state: 'waiting', cycle: 2, reopenedAtMs: 5_000, latest: { cycle: 1 } }]);
  });

  it('reports what was recorded in the order of the requests, also within a commit', async () => {
    const session = await useJournal(createPlace);
    const [a, b] = await acceptAll(session, { a: 'x', b: 'y' });
    void session.record(deadLettered(a));
    const discard = { adapter: 'billing', seq: a.seq, atMs: 1, nowMs: NOW_MS, reason: 'known' };
    const discarded = session.journal.discard(discard);
    void session.record(sampleRecord(b));
    void session.record(sampleRecord(b, { adapter: 'records' }));
    await Promise.all([discarded, flushed(session.journal)]);
    const order = session.records.map(({ eventId, state }) => `${eventId} ${state}`);
    expect(order).toEqual(['a dead_lettered', 'a discarded', 'b delivered', 'b delivered']);
  });

  it('keeps the records of the cycle before when a new one is recorded', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const event = await session.acceptNew(sampleEvent('a'), { to: ['billing'] });
    void session.record(deadLettered(event));
    await replayAll(journal, {});
    void session.record(sampleRecord(event, { cycle: 2 }));
    const stored = await session.readEvent('a');
    expect(stored?.deliveries).toMatchObject([
      { state: 'delivered', cycle: 2, records: [{ state: 'dead_lettered', cycle: 1 }, { cycle: 2 }] },
    ]);
  });

  it('discards a dead letter with a record that says why', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const event = await session.acceptNew(sampleEvent('a'), { to: ['billing'] });
    void session.record(deadLettered(event, { attempts: 3, spent: 2, crashes: 1 }));
    const reason = 'sent twice, says Dana';
    const place = { adapter: 'billing', seq: event.seq, atMs: 5_000, nowMs: NOW_MS };
    expect(await session.journal.discard({ ...place, reason })).toEqual({ kind: 'discarded' });
    const record = {
      adapter: 'billing',
      seq: event.seq,
      eventId: 'a',
      source: 'hms-api',
      key: 'process-7',
      adapterVersion: '',
      state: 'discarded',
      cycle: 1,
      attempts: 3,
      spent: 2,
      crashes: 1,
      atMs: 5_000,
      nextAttemptAtMs: 0,
      reason,
      position: 2,
    };
    expect(session.records.at(-1)).toEqual(record);
    const next = await session.acceptNew(sampleEvent('b'), { to: ['billing'] });
    void session.record(retrying(next));
    const after = new Map([['billing', 2]]);
    expect((await session.journal.readRecords({ after, limit: 9 })).records).toMatchObject([{ position: 3 }]);
    await session.journal.close();
    const again = await open();
    expect((await again.readEvent('a'))?.deliveries[0]?.records[1]).toEqual(record);
  });

  it('discards an open delivery, and hands out the next of its key', async () => {
    const session = await useJournal(createPlace);
    const [a, b, c, d] = await acceptAll(session, { a: 'x', b: 'x', c: 'x', d: '' });
    await session.record(retrying(a));
    const discard = ({ seq }: { seq: number }) =>
      session.journal.discard({ adapter: 'billing', seq, atMs: 5_000, nowMs: NOW_MS, reason: 'known' });
    for (const event of [b, a, d]) expect(await discard(event)).toEqual({ kind: 'discarded' });
    expect(session.reportedIds()).toEqual(['a', 'd', 'c']);
    expect(await session.readyIds()).toEqual([c.id]);
    expect((await session.readEvent('b'))?.deliveries[0]).toMatchObject({ state: 'discarded', attempts: 0 });
    expect(await session.readyIds('records')).toEqual(['a', 'd']);
  });

  it('does not report as ready what is discarded in the same commit', async () => {
    const session = await useJournal(createPlace);
    const [first] = await acceptAll(session, { first: '' });
    const accepted = session.acceptNew(sampleEvent('a', { key: '' }));
    const seq = first.seq + 1;
    await session.journal.discard({ adapter: 'billing', seq, atMs: 5_000, nowMs: NOW_MS, reason: 'known' });
    expect((await accepted).seq).toBe(seq);
    expect(session.reportedIds()).toEqual(['first']);
    expect(session.reportedIds('records')).toEqual(['first', 'a']);
  });

  it('replays nothing but dead letters and discards nothing that is settled, and each only once', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const event = await session.acceptNew(sampleEvent('a'));
    void session.record(deadLettered(event));
    void session.record(sampleRecord(event, { adapter: 'records' }));
    const place = { adapter: 'billing', seq: event.seq, atMs: 5_000, nowMs: NOW_MS, reason: 'late' };
    const both = await Promise.all([replayAll(journal, {}), replayAll(journal, {})]);
    expect(both.map(({ sent }) => sent)).toEqual([1, 0]);
    const delivered = { kind: 'settled', state: 'delivered' };
    expect(await journal.discard({ ...place, adapter: 'records' })).toEqual(delivered);
    expect(await journal.discard(place)).toEqual({ kind: 'discarded' });
    expect(await journal.discard(place)).toEqual({ kind: 'settled', state: 'discarded' });
    for (const unknown of [
      { ...place, seq: 99 },
      { ...place, adapter: 'nobody' },
    ]) {
      expect(await journal.discard(unknown)).toEqual({ kind: 'unknown' });
    }
    expect(session.reopened).toHaveLength(1);
    expect(session.records).toHaveLength(3);
  });

  it('knows whether a dead letter is stale: what of its key was delivered since', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const { journal } = session;
    const [a, b, c, other] = await Promise.all(
      ['a', 'b', 'c', 'other'].map((id) => session.acceptNew(sampleEvent(id, { key: id === 'other' ? 'z' : 'x' }))),
    );
    if (a === undefined || b === undefined || c === undefined || other === undefined) throw new Error('not accepted');
    const ofX = { adapters: ['billing'], keys: ['x'] };
    void session.record(sampleRecord(a));
    void session.record(deadLettered(b));
    void session.record(sampleRecord(c, { adapter: 'records' }));
    void session.record(sampleRecord(other));
    expect(await countStale(journal, ofX)).toBe(0);
    void session.record(sampleRecord(c));
    expect(await countStale(journal, ofX)).toBe(1);
    await journal.close();
    const again = await open();
    const { journal: reopened } = again;
    expect(await countStale(reopened, ofX)).toBe(1);
    await replayAll(reopened, ofX);
    void again.record(deadLettered(b, { cycle: 2 }));
    const d = await again.acceptNew(sampleEvent('d', { key: 'x' }));
    void again.record(deadLettered(d));
    void again.record(deadLettered(d, { adapter: 'records' }));
    // What was delivered is newer than one of them and older than the other.
    expect(await countStale(reopened, ofX)).toBe(1);
    const e = await again.acceptNew(sampleEvent('e', { key: 'x' }));
    void again.record(sampleRecord(e));
    expect(await countStale(reopened, ofX)).toBe(2);
    expect(await countStale(reopened, { adapters: ['records'] })).toBe(0);
  });

  it('watches no order where there is none: the empty key is never stale', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const a = await session.acceptNew(sampleEvent('a', { key: '' }));
    const b = await session.acceptNew(sampleEvent('b', { key: '' }));
    void session.record(deadLettered(a));
    void session.record(sampleRecord(b));
    expect(await countStale(journal, {})).toBe(0);
  });

  it('keeps jobs as they were last saved, oldest first', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const { journal } = session;
    expect(await journal.readJobs()).toEqual([]);
    const { position: _, ...older } = { ...job, id: 'job-0', createdAtMs: job.createdAtMs - 1 };
    await journal.saveJob({ ...job, sent: 1 });
    await journal.saveJob(older);
    await journal.saveJob(job);
    expect(await journal.readJobs()).toEqual([older, job]);
    await journal.close();
    const again = await open();
    const { journal: reopened } = again;
    expect(await reopened.readJobs()).toEqual([older, job]);
  });
}

/** Events with these keys, in this order, for billing and records. */
async function acceptAll(session: Session, keys: Readonly<Record<string, string>>) {
  const events = Object.entries(keys).map(([id, key]) => session.acceptNew(sampleEvent(id, { key })));
  return (await Promise.all(events)) as [AcceptedEvent, AcceptedEvent, AcceptedEvent, AcceptedEvent];
}
