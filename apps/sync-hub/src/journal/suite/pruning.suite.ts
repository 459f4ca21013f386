import { expect, it } from 'vitest';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Journal } from '../journal.ts';
import { type CreatePlace, useJournal, usePlace } from './place.suite.ts';
import {
  acceptNew,
  countStale,
  deadLettered,
  retrying,
  sampleAccept,
  sampleEvent,
  sampleJob,
  sampleRecord,
} from './samples.suite.ts';

/** All that a sample says happened before this. */
const LATER_MS = 1_800_000_000_000;
/** More than the samples have. */
const BOUNDS = { maxEvents: 9, maxRecords: 99 };
const SETTLED_MS = sampleRecord({ seq: 1, id: 'a' }).atMs;

export function pruningSuite(createPlace: CreatePlace): void {
  it('deletes an event with its deliveries and records once all of it was settled before the time', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const [a] = await accept(journal, ['a', 'newest']);
    journal.record(retrying(a));
    journal.record(sampleRecord(a, { attempts: 2, spent: 2 }));
    journal.record(sampleRecord(a, { adapter: 'records' }));
    await recordNewest(journal);
    expect(await journal.prune({ settledBeforeMs: SETTLED_MS, ...BOUNDS })).toMatchObject({ events: 0 });
    const pruned = await journal.prune({ settledBeforeMs: SETTLED_MS + 1, ...BOUNDS });
    expect(pruned).toEqual({ events: 1, records: 3, next: undefined });
    expect(await journal.readEvent('a')).toBeUndefined();
    await journal.close();
    const { journal: reopened } = await open();
    expect(reopened.info).toMatchObject({ lastSeq: 2, lastCursor: 4 });
    expect(await reopened.readEvent('a')).toBeUndefined();
    expect(await reopened.readEvent('newest')).toBeDefined();
  });

  it('still counts an adapter whose last delivery is gone', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const [gone] = await accept(journal, ['gone'], ['records']);
    const [newest] = await accept(journal, ['newest'], ['billing']);
    journal.record(sampleRecord(gone, { adapter: 'records' }));
    journal.record(sampleRecord(newest));
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 1 });
    const counts = [{ adapter: 'billing' }, { adapter: 'records', unsettled: 0, deadLetters: 0 }];
    expect(await journal.countDeliveries()).toMatchObject(counts);
    await journal.close();
    const { journal: reopened } = await open();
    expect(await reopened.countDeliveries()).toMatchObject(counts);
  });

  it('keeps an event with an open delivery or a dead letter, however old', async () => {
    const { journal } = await useJournal(createPlace);
    const [open, dead, waits] = await accept(journal, ['open', 'dead', 'waits', 'newest']);
    journal.record(retrying(open));
    journal.record(sampleRecord(open, { adapter: 'records' }));
    journal.record(deadLettered(dead));
    journal.record(sampleRecord(dead, { adapter: 'records' }));
    journal.record(sampleRecord(waits));
    await recordNewest(journal);
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 0 });
    await journal.discard({ adapter: 'billing', seq: dead.seq, atMs: LATER_MS, reason: 'known' });
    await recordNewest(journal);
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 0 });
    expect(await journal.prune({ settledBeforeMs: LATER_MS + 1, ...BOUNDS })).toMatchObject({ events: 1 });
    expect(await journal.readEvent('dead')).toBeUndefined();
  });

  it('keeps the newest event and the newest record, so that numbers go on', async () => {
    const { journal } = await useJournal(createPlace);
    const [a, b] = await accept(journal, ['a', 'b'], ['billing']);
    journal.record(sampleRecord(b));
    journal.record(sampleRecord(a));
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 0 });
    const [c] = await accept(journal, ['c'], ['billing']);
    journal.record(sampleRecord(c));
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 2 });
    expect(c.seq).toBe(3);
  });

  it('works in steps of so many events, and says where the next one goes on', async () => {
    const { journal } = await useJournal(createPlace);
    const events = await accept(journal, ['a', 'b', 'c', 'd', 'newest'], []);
    const request = { settledBeforeMs: LATER_MS, ...BOUNDS, maxEvents: 2 };
    expect(await journal.prune(request)).toEqual({ events: 2, records: 0, next: events[1].seq });
    expect(await journal.prune({ ...request, afterSeq: events[1].seq })).toMatchObject({ events: 2, next: 4 });
    expect(await journal.prune({ ...request, afterSeq: 4 })).toEqual({ events: 0, records: 0, next: undefined });
  });

  it('works in steps of so many records, each event of which is there as a whole or gone', async () => {
    const { journal } = await useJournal(createPlace);
    const [a, b, c] = await accept(journal, ['a', 'b', 'c', 'newest'], ['billing']);
    for (const event of [a, b, c]) for (const step of [retrying, sampleRecord]) journal.record(step(event));
    await recordNewest(journal);
    const request = { settledBeforeMs: LATER_MS, maxEvents: 9, maxRecords: 4 };
    expect(await journal.prune(request)).toEqual({ events: 2, records: 4, next: b.seq });
    expect((await journal.readEvent('c'))?.deliveries).toMatchObject([{ records: [{ cursor: 5 }, { cursor: 6 }] }]);
    expect(await journal.prune({ ...request, afterSeq: b.seq })).toEqual({ events: 1, records: 2, next: undefined });
  });

  it('deletes an event with more records than a step may in several, and it stays as it was settled till then', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const [a] = await accept(journal, ['a', 'newest']);
    for (let attempts = 1; attempts <= 4; attempts++) journal.record(retrying(a, { attempts }));
    journal.record(sampleRecord(a, { attempts: 5 }));
    journal.record(retrying(a, { adapter: 'records' }));
    journal.record(sampleRecord(a, { adapter: 'records', attempts: 2 }));
    await recordNewest(journal);
    const request = { settledBeforeMs: LATER_MS, maxEvents: 9, maxRecords: 3 };
    expect(await journal.prune(request)).toEqual({ events: 0, records: 3, next: a.seq - 1 });
    await journal.close();
    const { journal: reopened } = await open();
    expect((await reopened.readEvent('a'))?.deliveries).toMatchObject([
      { adapter: 'billing', state: 'delivered', attempts: 5, records: [{ cursor: 1 }, { cursor: 5 }] },
      { adapter: 'records', state: 'delivered', attempts: 2, records: [{ cursor: 6 }, { cursor: 7 }] },
    ]);
    expect(await reopened.prune({ ...request, afterSeq: a.seq - 1 })).toMatchObject({ events: 1, records: 4 });
    expect(await reopened.readEvent('a')).toBeUndefined();
    expect((await reopened.readRecords({ afterCursor: 0, limit: 9 })).records).toMatchObject([{ eventId: 'newest' }]);
  });

  it('ends a round early where all is younger than the time', async () => {
    const { journal } = await useJournal(createPlace);
    await accept(journal, ['a', 'b', 'c'], []);
    expect(await journal.prune({ settledBeforeMs: 1, ...BOUNDS, maxEvents: 2 })).toEqual({
      events: 0,
      records: 0,
      next: undefined,
    });
  });

  it('lets readers of records go on over what was deleted', async () => {
    const { journal } = await useJournal(createPlace);
    const [a, b] = await accept(journal, ['a', 'b', 'newest'], ['billing']);
    journal.record(retrying(b));
    journal.record(sampleRecord(a));
    journal.record(retrying(b, { attempts: 2 }));
    await recordNewest(journal);
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 1 });
    const cursors = async (afterCursor: number, limit: number) => {
      const { records, scannedToCursor } = await journal.readRecords({ afterCursor, limit });
      return [records.map(({ cursor }) => cursor), scannedToCursor];
    };
    expect(await cursors(0, 2)).toEqual([[1, 3], 3]);
    expect(await cursors(1, 9)).toEqual([[3, 4], 4]);
    expect(await cursors(2, 1)).toEqual([[3], 3]);
  });

  it('knows an id as long as its event is kept', async () => {
    const { journal } = await useJournal(createPlace);
    const [a] = await accept(journal, ['a', 'newest'], ['billing']);
    journal.record(sampleRecord(a));
    await recordNewest(journal);
    const again = sampleAccept(sampleEvent('a'), { adapters: ['billing'] });
    expect((await journal.accept(again)).kind).toBe('duplicate');
    await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS });
    expect(await journal.accept(again)).toMatchObject({ kind: 'accepted', event: { seq: 3 } });
  });

  it('keeps a job that is not ended, however old', async () => {
    const { journal } = await useJournal(createPlace);
    await journal.saveJob(sampleJob({ id: 'ended', state: 'done' }));
    await journal.saveJob(sampleJob({ id: 'running' }));
    await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS });
    expect((await journal.readJobs()).map(({ id }) => id)).toEqual(['running']);
  });

  it('knows that a dead letter is stale, though what was delivered since is deleted', async () => {
    const { journal } = await useJournal(createPlace);
    const [a, b] = await accept(journal, ['a', 'b', 'newest'], ['billing']);
    journal.record(deadLettered(a));
    journal.record(sampleRecord(b));
    await recordNewest(journal);
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 1 });
    expect(await countStale(journal, {})).toBe(1);
  });
}

type Events<Ids extends readonly string[]> = { [Place in keyof Ids]: AcceptedEvent };

async function accept<const Ids extends readonly string[]>(
  journal: Journal,
  ids: Ids,
  adapters: readonly string[] = ['billing', 'records'],
): Promise<Events<Ids>> {
  const events = ids.map((id) => acceptNew(journal, sampleAccept(sampleEvent(id), { adapters })));
  return (await Promise.all(events)) as Events<Ids>;
}

/** Settles the event that is to be kept, so that the newest record is none of the others. */
async function recordNewest(journal: Journal): Promise<void> {
  const newest = await journal.readEvent('newest');
  if (newest === undefined) throw new Error('the newest event is gone');
  journal.record(sampleRecord(newest.event));
}
