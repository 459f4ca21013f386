import { expect, it } from 'vitest';
import type { ReplayJob } from '../replay-job.ts';
import { type CreatePlace, toldRecords, useJournal, usePlace } from './place.suite.ts';
import {
  acceptNew,
  countStale,
  deadLettered,
  replayAll,
  retrying,
  sampleAccept,
  sampleEvent,
  sampleRecord,
} from './samples.suite.ts';

const job: ReplayJob = {
  id: 'job-1',
  state: 'running',
  filter: { adapters: ['billing'], states: ['dead_lettered'] },
  ratePerSecond: 50,
  reason: 'billing is back, says Dana',
  includeStale: false,
  includeReplayed: true,
  createdAtMs: 1_790_000_100_000,
  upToCursor: 12,
  matched: 12,
  skippedStale: 1,
  skippedReplayed: 0,
  sent: 3,
  position: { seq: 7, adapter: 'billing' },
};

/** What people decide: about dead letters, jobs, lanes. */
export function decidingSuite(createPlace: CreatePlace): void {
  it('begins a new cycle of a dead letter, and tells of it once it is on disk', async () => {
    const open = await usePlace(createPlace);
    const { journal, told } = await open();
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    journal.record(deadLettered(event, { attempts: 10, spent: 9, crashes: 2 }));
    const delivery = { event, cycle: 2, attempts: 0, spent: 0, crashes: 0, notBeforeMs: 0, asOfMs: 5_000 };
    expect(await replayAll(journal, { adapters: ['billing'] }, 5_000)).toMatchObject({ state: 'done', sent: 1 });
    const deliveries = [{ adapter: 'billing', delivery, mayFollowNewer: true }];
    expect(told.at(-1)).toEqual({ kind: 'reopened', deliveries });
    await journal.close();
    const { journal: reopened } = await open();
    const request = { adapter: 'billing', afterSeq: 0, limit: 9, limitBytes: 9_999 };
    expect((await reopened.fetchOpen(request)).deliveries).toEqual([delivery]);
    expect(await reopened.countDeliveries()).toMatchObject([{ adapter: 'billing', unsettled: 1, deadLetters: 0 }, {}]);
    const page = await reopened.listDeliveries({ filter: { adapters: ['billing'] }, limit: 9 });
    expect(page.deliveries).toMatchObject([{ state: 'waiting', cycle: 2, reopenedAtMs: 5_000, latest: { cycle: 1 } }]);
  });

  it('tells what was recorded and reopened in the order of the requests, also within a commit', async () => {
    const { journal, told } = await useJournal(createPlace);
    const [a, b] = await Promise.all(['a', 'b'].map((id) => acceptNew(journal, sampleAccept(sampleEvent(id)))));
    if (a === undefined || b === undefined) throw new Error('not accepted');
    const before = told.length;
    journal.record(deadLettered(a));
    const replayed = replayAll(journal, { adapters: ['billing'] });
    journal.record(sampleRecord(b));
    journal.record(sampleRecord(b, { adapter: 'records' }));
    await Promise.all([replayed, journal.readJobs()]);
    const order = told.slice(before).flatMap((entry) => {
      if (entry.kind === 'recorded') return entry.records.map(({ eventId, state }) => `${eventId} ${state}`);
      return entry.kind === 'reopened' ? entry.deliveries.map(({ delivery }) => `${delivery.event.id} open`) : [];
    });
    expect(order).toEqual(['a dead_lettered', 'a open', 'b delivered', 'b delivered']);
  });

  it('keeps the records of the cycle before when a new one is recorded', async () => {
    const { journal } = await useJournal(createPlace);
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a'), { adapters: ['billing'] }));
    journal.record(deadLettered(event));
    await replayAll(journal, {});
    journal.record(sampleRecord(event, { cycle: 2 }));
    const stored = await journal.readEvent('a');
    expect(stored?.deliveries).toMatchObject([
      { state: 'delivered', cycle: 2, records: [{ state: 'dead_lettered', cycle: 1 }, { cycle: 2 }] },
    ]);
  });

  it('gives a dead letter up with a record that says why', async () => {
    const open = await usePlace(createPlace);
    const { journal, told } = await open();
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a'), { adapters: ['billing'] }));
    journal.record(deadLettered(event, { attempts: 3, spent: 2, crashes: 1 }));
    const reason = 'sent twice, says Dana';
    const result = await journal.discard({ adapter: 'billing', seq: event.seq, atMs: 5_000, reason });
    const record = {
      adapter: 'billing',
      seq: event.seq,
      eventId: 'a',
      adapterVersion: '',
      state: 'discarded',
      cycle: 1,
      attempts: 3,
      spent: 2,
      crashes: 1,
      atMs: 5_000,
      nextAttemptAtMs: 0,
      reason,
      cursor: 2,
    };
    expect(result).toEqual({ kind: 'discarded', record });
    expect(toldRecords(told).at(-1)).toEqual(record);
    journal.record(retrying(event, { cycle: 2 }));
    expect((await journal.readRecords({ afterCursor: 2, limit: 9 })).records).toMatchObject([{ cursor: 3 }]);
    await journal.close();
    const { journal: reopened } = await open();
    expect((await reopened.readEvent('a'))?.deliveries[0]?.records[1]).toEqual(record);
  });

  it('replays and discards nothing but dead letters, and each only once', async () => {
    const { journal, told } = await useJournal(createPlace);
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    journal.record(deadLettered(event));
    journal.record(sampleRecord(event, { adapter: 'records' }));
    const place = { adapter: 'billing', seq: event.seq, atMs: 5_000 };
    const both = await Promise.all([replayAll(journal, {}), replayAll(journal, {})]);
    expect(both.map(({ sent }) => sent)).toEqual([1, 0]);
    expect(await journal.discard({ ...place, reason: 'late' })).toEqual({ kind: 'not_dead_letter', state: 'waiting' });
    const delivered = { kind: 'not_dead_letter', state: 'delivered' };
    expect(await journal.discard({ ...place, adapter: 'records', reason: 'late' })).toEqual(delivered);
    for (const unknown of [
      { ...place, seq: 99 },
      { ...place, adapter: 'nobody' },
    ]) {
      expect(await journal.discard({ ...unknown, reason: 'late' })).toEqual({ kind: 'unknown' });
    }
    expect(told.filter(({ kind }) => kind === 'reopened')).toHaveLength(1);
    expect(toldRecords(told)).toHaveLength(2);
  });

  it('knows whether a dead letter is stale: what of its key was delivered since', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const [a, b, c, other] = await Promise.all(
      ['a', 'b', 'c', 'other'].map((id) =>
        acceptNew(journal, sampleAccept(sampleEvent(id, { key: id === 'other' ? 'z' : 'x' }))),
      ),
    );
    if (a === undefined || b === undefined || c === undefined || other === undefined) throw new Error('not accepted');
    const ofX = { adapters: ['billing'], keys: ['x'] };
    journal.record(sampleRecord(a));
    journal.record(deadLettered(b));
    journal.record(sampleRecord(c, { adapter: 'records' }));
    journal.record(sampleRecord(other));
    expect(await countStale(journal, ofX)).toBe(0);
    journal.record(sampleRecord(c));
    expect(await countStale(journal, ofX)).toBe(1);
    await journal.close();
    const { journal: reopened } = await open();
    expect(await countStale(reopened, ofX)).toBe(1);
    await replayAll(reopened, ofX);
    reopened.record(deadLettered(b, { cycle: 2 }));
    const d = await acceptNew(reopened, sampleAccept(sampleEvent('d', { key: 'x' })));
    reopened.record(deadLettered(d));
    reopened.record(deadLettered(d, { adapter: 'records' }));
    // What was delivered is newer than one of them and older than the other.
    expect(await countStale(reopened, ofX)).toBe(1);
    const e = await acceptNew(reopened, sampleAccept(sampleEvent('e', { key: 'x' })));
    reopened.record(sampleRecord(e));
    expect(await countStale(reopened, ofX)).toBe(2);
    expect(await countStale(reopened, { adapters: ['records'] })).toBe(0);
  });

  it('watches no order where there is none: the empty key is never stale', async () => {
    const { journal } = await useJournal(createPlace);
    const a = await acceptNew(journal, sampleAccept(sampleEvent('a', { key: '' })));
    const b = await acceptNew(journal, sampleAccept(sampleEvent('b', { key: '' })));
    journal.record(deadLettered(a));
    journal.record(sampleRecord(b));
    expect(await countStale(journal, {})).toBe(0);
  });

  it('tells the dead letters that have a key, over a restart', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const keys = { a: 'y', b: 'x', c: '', d: 'x', e: 'x', f: 'x' };
    const ids = Object.entries(keys);
    const events = await Promise.all(
      ids.map(([id, key]) => acceptNew(journal, sampleAccept(sampleEvent(id, { key })))),
    );
    const [a, b, c, d, e, f] = events;
    if (!a || !b || !c || !d || !e || !f) throw new Error('not accepted');
    for (const event of [a, b, c, d, f]) journal.record(deadLettered(event));
    journal.record(sampleRecord(e));
    journal.record(deadLettered(e, { adapter: 'records' }));
    await replayAll(journal, { adapters: ['billing'], eventIds: ['f'] });
    const expected = [a, b, d].map(({ key, seq }) => ({ key, seq }));
    expect(await journal.readDeadLetterKeys('billing')).toEqual(expected);
    await journal.close();
    const { journal: reopened } = await open();
    expect(await reopened.readDeadLetterKeys('billing')).toEqual(expected);
    expect(await reopened.readDeadLetterKeys('nobody')).toEqual([]);
  });

  it('keeps jobs as they were last saved, oldest first', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    expect(await journal.readJobs()).toEqual([]);
    const { position: _, ...older } = { ...job, id: 'job-0', createdAtMs: job.createdAtMs - 1 };
    await journal.saveJob({ ...job, sent: 1 });
    await journal.saveJob(older);
    await journal.saveJob(job);
    expect(await journal.readJobs()).toEqual([older, job]);
    await journal.close();
    const { journal: reopened } = await open();
    expect(await reopened.readJobs()).toEqual([older, job]);
  });

  it('keeps which lanes a person paused', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    expect(await journal.readLanes()).toEqual([]);
    const records = { adapter: 'records', pause: { reason: 'upgrade', sinceMs: 1 } };
    const billing = { adapter: 'billing', pause: { reason: 'audit', sinceMs: 2 } };
    await journal.saveLanePause(records);
    await journal.saveLanePause({ ...billing, pause: { reason: 'typo', sinceMs: 1 } });
    await journal.saveLanePause(billing);
    expect(await journal.readLanes()).toEqual([billing, records]);
    await journal.saveLanePause({ adapter: 'records', pause: undefined });
    await journal.close();
    const { journal: reopened } = await open();
    expect(await reopened.readLanes()).toEqual([billing]);
  });
}
