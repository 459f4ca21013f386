import { expect, it } from 'vitest';
import type { AcceptedEvent } from '../../core/event.ts';
import { type CreatePlace, type Session, useJournal, usePlace } from './place.fixture.ts';
import { countStale, deadLettered, NOW_MS, retrying, sampleEvent, sampleJob, sampleRecord } from './samples.fixture.ts';

/** All that a sample says happened before this. */
const LATER_MS = 1_800_000_000_000;
/** More than the samples have. */
const BOUNDS = { maxEvents: 9, maxRecords: 99 };
const SETTLED_MS = sampleRecord({ seq: 1, id: 'a' }).atMs;

export function pruningSuite(createPlace: CreatePlace): void {
  it('deletes an event with its deliveries and records once all of it was settled before the time', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const { journal } = session;
    const [a] = await accept(session, ['a', 'newest']);
    void session.record(retrying(a));
    void session.record(sampleRecord(a, { attempts: 2, spent: 2 }));
    void session.record(sampleRecord(a, { adapter: 'records' }));
    await recordNewest(session);
    expect(await journal.prune({ settledBeforeMs: SETTLED_MS, ...BOUNDS })).toMatchObject({ events: 0 });
    const pruned = await journal.prune({ settledBeforeMs: SETTLED_MS + 1, ...BOUNDS });
    expect(pruned).toEqual({ events: 1, records: 3, next: undefined });
    expect(await session.readEvent('a')).toBeUndefined();
    await journal.close();
    const again = await open();
    const { journal: reopened } = again;
    expect(reopened.info.positions).toEqual(
      new Map([
        ['billing', 3],
        ['records', 2],
      ]),
    );
    expect(await again.readEvent('a')).toBeUndefined();
    expect(await again.readEvent('newest')).toBeDefined();
  });

  it('still knows an adapter whose last event is gone, and counts its records on', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const [gone] = await accept(session, ['gone'], ['records']);
    const [newest] = await accept(session, ['newest'], ['billing']);
    void session.record(retrying(gone, { adapter: 'records' }));
    void session.record(sampleRecord(gone, { adapter: 'records' }));
    void session.record(sampleRecord(newest));
    expect(await session.journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 1 });
    const lanes = [{ adapter: 'billing' }, { adapter: 'records', unsettled: 0, deadLetters: 0 }, {}];
    expect((await session.journal.readStatistics()).lanes).toMatchObject(lanes);
    await session.journal.close();
    const again = await open();
    expect((await again.journal.readStatistics()).lanes).toMatchObject(lanes);
    expect(again.journal.info.positions).toEqual(
      new Map([
        ['billing', 1],
        ['records', 2],
      ]),
    );
    const [next] = await accept(again, ['next'], ['records']);
    expect(await again.record(sampleRecord(next, { adapter: 'records' }))).toMatchObject({ position: 3 });
  });

  it('keeps an event with an open delivery or a dead letter, however old', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const [open, dead, waits] = await accept(session, ['open', 'dead', 'waits', 'newest']);
    void session.record(retrying(open));
    void session.record(sampleRecord(open, { adapter: 'records' }));
    void session.record(deadLettered(dead));
    void session.record(sampleRecord(dead, { adapter: 'records' }));
    void session.record(sampleRecord(waits));
    await recordNewest(session);
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 0 });
    await journal.discard({ adapter: 'billing', seq: dead.seq, atMs: LATER_MS, nowMs: NOW_MS, reason: 'known' });
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 0 });
    expect(await journal.prune({ settledBeforeMs: LATER_MS + 1, ...BOUNDS })).toMatchObject({ events: 1 });
    expect(await session.readEvent('dead')).toBeUndefined();
  });

  it('keeps the newest event, so that numbers go on', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const [a, b] = await accept(session, ['a', 'b'], ['billing']);
    void session.record(sampleRecord(b));
    void session.record(sampleRecord(a));
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 1 });
    expect(await session.readEvent('b')).toBeDefined();
    const [c] = await accept(session, ['c'], ['billing']);
    expect(await session.record(sampleRecord(c))).toMatchObject({ position: 3 });
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 1 });
    expect(c.seq).toBe(3);
  });

  it('works in steps of this many events, and says where the next one goes on', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const events = await accept(session, ['a', 'b', 'c', 'd', 'newest'], []);
    const request = { settledBeforeMs: LATER_MS, ...BOUNDS, maxEvents: 2 };
    expect(await journal.prune(request)).toEqual({ events: 2, records: 0, next: events[1].seq });
    expect(await journal.prune({ ...request, afterSeq: events[1].seq })).toMatchObject({ events: 2, next: 4 });
    expect(await journal.prune({ ...request, afterSeq: 4 })).toEqual({ events: 0, records: 0, next: undefined });
  });

  it('works in steps of this many records, each event of which is there as a whole or gone', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const [a, b, c] = await accept(session, ['a', 'b', 'c', 'newest'], ['billing']);
    for (const event of [a, b, c]) for (const step of [retrying, sampleRecord]) void session.record(step(event));
    await recordNewest(session);
    const request = { settledBeforeMs: LATER_MS, maxEvents: 9, maxRecords: 4 };
    expect(await journal.prune(request)).toEqual({ events: 2, records: 4, next: b.seq });
    expect((await session.readEvent('c'))?.deliveries).toMatchObject([{ records: [{ position: 5 }, { position: 6 }] }]);
    expect(await journal.prune({ ...request, afterSeq: b.seq })).toEqual({ events: 1, records: 2, next: undefined });
  });

  it('deletes an event with more records than a step may in several, and it stays as it was settled till then', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const { journal } = session;
    const [a] = await accept(session, ['a', 'newest']);
    for (let attempts = 1; attempts <= 4; attempts++) void session.record(retrying(a, { attempts }));
    void session.record(sampleRecord(a, { attempts: 5 }));
    void session.record(retrying(a, { adapter: 'records' }));
    void session.record(sampleRecord(a, { adapter: 'records', attempts: 2 }));
    await recordNewest(session);
    const request = { settledBeforeMs: LATER_MS, maxEvents: 9, maxRecords: 3 };
    expect(await journal.prune(request)).toEqual({ events: 0, records: 3, next: a.seq - 1 });
    await journal.close();
    const again = await open();
    const { journal: reopened } = again;
    expect((await again.readEvent('a'))?.deliveries).toMatchObject([
      { adapter: 'billing', state: 'delivered', attempts: 5, records: [{ position: 4 }, { position: 5 }] },
      { adapter: 'records', state: 'delivered', attempts: 2, records: [{ position: 1 }, { position: 2 }] },
    ]);
    expect(await reopened.prune({ ...request, afterSeq: a.seq - 1 })).toMatchObject({ events: 1, records: 4 });
    expect(await again.readEvent('a')).toBeUndefined();
    expect((await reopened.readRecords({ after: new Map(), limit: 9 })).records).toMatchObject([
      { eventId: 'newest' },
      { eventId: 'newest' },
    ]);
  });

  it('ends a round early where all is younger than the time', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    await accept(session, ['a', 'b', 'c'], []);
    expect(await journal.prune({ settledBeforeMs: 1, ...BOUNDS, maxEvents: 2 })).toEqual({
      events: 0,
      records: 0,
      next: undefined,
    });
  });

  it('lets readers of records go on over what was deleted', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const [a, b] = await accept(session, ['a', 'b', 'newest'], ['billing']);
    void session.record(retrying(b));
    void session.record(sampleRecord(a));
    void session.record(retrying(b, { attempts: 2 }));
    await recordNewest(session);
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 1 });
    const positions = async (after: number, limit: number) => {
      const { records, isEnd } = await journal.readRecords({ after: new Map([['billing', after]]), limit });
      return [records.map(({ position }) => position), isEnd];
    };
    expect(await positions(0, 2)).toEqual([[1, 3], false]);
    expect(await positions(1, 9)).toEqual([[3, 4], true]);
    expect(await positions(2, 1)).toEqual([[3], false]);
  });

  it('knows an id as long as its event is kept', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const [a] = await accept(session, ['a', 'newest'], ['billing']);
    void session.record(sampleRecord(a));
    await recordNewest(session);
    expect((await session.accept(sampleEvent('a'))).kind).toBe('duplicate');
    await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS });
    expect(await session.accept(sampleEvent('a'))).toMatchObject({ kind: 'accepted', event: { seq: 3 } });
  });

  it('keeps a job that is not ended, however old', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    await journal.saveJob(sampleJob({ id: 'ended', state: 'done' }));
    await journal.saveJob(sampleJob({ id: 'running' }));
    await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS });
    expect((await journal.readJobs()).map(({ id }) => id)).toEqual(['running']);
  });

  it('knows that a dead letter is stale, though what was delivered since is deleted', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const [a, b] = await accept(session, ['a', 'b', 'newest'], ['billing']);
    void session.record(deadLettered(a));
    void session.record(sampleRecord(b));
    await recordNewest(session);
    expect(await journal.prune({ settledBeforeMs: LATER_MS, ...BOUNDS })).toMatchObject({ events: 1 });
    expect(await countStale(journal, {})).toBe(1);
  });
}

type Events<Ids extends readonly string[]> = { [Place in keyof Ids]: AcceptedEvent };

async function accept<const Ids extends readonly string[]>(
  session: Session,
  ids: Ids,
  to: readonly string[] = ['billing', 'records'],
): Promise<Events<Ids>> {
  const events = ids.map((id) => session.acceptNew(sampleEvent(id), { to }));
  return (await Promise.all(events)) as Events<Ids>;
}

/** Settles the event that is to be kept, so that the newest record of each lane is none of the others. */
async function recordNewest(session: Session): Promise<void> {
  const newest = await session.readEvent('newest');
  if (newest === undefined) throw new Error('the newest event is gone');
  for (const adapter of newest.event.adapters) void session.record(sampleRecord(newest.event, { adapter }));
}
