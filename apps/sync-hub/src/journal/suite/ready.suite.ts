import { expect, it } from 'vitest';
import type { ReadyPlace } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import { type CreatePlace, flushed, type Session, useJournal, usePlace } from './place.fixture.ts';
import {
  deadLettered,
  NOW_MS,
  replayAll,
  retrying,
  sampleEvent,
  sampleRecord,
  withoutAttempt,
} from './samples.fixture.ts';

/** What becomes ready, when, in which order, and how a lane is notified of it. */
export function readySuite(createPlace: CreatePlace): void {
  it('reports what is ready with the commit that makes it so: fresh events of free keys', async () => {
    const session = await useJournal(createPlace);
    const [a, , c] = await accept(session, { a: 'x', b: 'x', c: '', d: '' });
    expect(session.reportedIds()).toEqual(['a', 'c', 'd']);
    const counts = { cycle: 1, attempts: 0, spent: 0, crashes: 0 };
    const place = { dueAtMs: NOW_MS, notBeforeMs: 0, sinceMs: NOW_MS, mayHaveRun: false };
    expect(session.reported()[1]).toEqual({ event: c, ...counts, ...place });
    expect(session.reported()[0]?.event).toBe(session.reported('records')[0]?.event);
    expect(await session.readReady()).toEqual(session.reported());
    expect(await session.journal.readHead({ adapter: 'billing', nowMs: NOW_MS, seq: a.seq })).toEqual(
      session.reported()[0],
    );
  });

  it('reports the next of a key with the outcome of the one before it', async () => {
    const session = await useJournal(createPlace);
    const [a, b, c] = await accept(session, { a: 'x', b: 'x', c: 'x' });
    void session.record(sampleRecord(a));
    void session.record(withoutAttempt(b, { state: 'skipped' }));
    await flushed(session.journal);
    expect(session.reportedIds()).toEqual(['a', 'b', 'c']);
    expect(session.reportedIds('records')).toEqual(['a']);
    expect(session.reported()[2]).toMatchObject({ event: c, mayHaveRun: false });
    expect(await session.readyIds()).toEqual(['c']);
    expect(await session.readyIds('records')).toEqual(['a']);
  });

  it('gives a retry its time, and hands it out then with its counts', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const [a, b] = await accept(session, { a: 'x', b: 'x' });
    const before = session.reportedIds().length;
    const dueAtMs = NOW_MS + 2_000;
    const times = { dueAtMs, notBeforeMs: NOW_MS + 1_500 };
    await session.record(retrying(a, { attempts: 3, spent: 2, crashes: 1 }), times);
    expect(session.reportedIds().slice(before)).toEqual([]);
    expect(session.commits.at(-1)?.lanes.get('billing')).toMatchObject({ isMore: false, nextDueAtMs: dueAtMs });
    const nothing = { deliveries: [], isEnd: true, nextDueAtMs: dueAtMs };
    const request = { adapter: 'billing', limit: 9, limitBytes: 9_999 };
    expect(await session.journal.readReady({ ...request, nowMs: dueAtMs - 1 })).toEqual(nothing);
    const delivery = { event: a, cycle: 1, attempts: 3, spent: 2, crashes: 1, ...times, mayHaveRun: false };
    const page = { deliveries: [delivery], isEnd: true, nextDueAtMs: Number.POSITIVE_INFINITY };
    expect(await session.journal.readReady({ ...request, nowMs: dueAtMs })).toMatchObject(page);
    await session.journal.close();
    const again = await open();
    // The clock may have been set back since it was last due.
    const mayHaveRun = { ...page, deliveries: [{ ...delivery, mayHaveRun: true }] };
    expect(await again.journal.readReady({ ...request, nowMs: dueAtMs })).toMatchObject(mayHaveRun);
    again.nowMs = dueAtMs;
    await again.record(sampleRecord(a, { attempts: 4 }));
    expect(again.reported()).toMatchObject([{ event: { id: b.id } }]);
  });

  it('hands a retry out again at once when it is due already', async () => {
    const session = await useJournal(createPlace);
    const [a] = await accept(session, { a: 'x', b: 'x' });
    await session.record(retrying(a), { dueAtMs: NOW_MS });
    expect(session.reportedIds()).toEqual(['a', 'a']);
    expect(session.reported()[1]).toMatchObject({ attempts: 1, mayHaveRun: false });
  });

  it('gives everything that becomes ready a place behind what was ready before, whatever its seq and the clock', async () => {
    const session = await useJournal(createPlace);
    const [a, b, c, d] = await accept(session, { a: 'x', b: 'y', c: 'x', d: 'y' });
    session.nowMs -= 500;
    void session.record(sampleRecord(b));
    void session.record(sampleRecord(a));
    await session.record(deadLettered(d));
    await replayAll(session.journal, { adapters: ['billing'] });
    const places = session.reported().map(({ dueAtMs, event }) => ({ dueAtMs, seq: event.seq }));
    expect(places.map(({ seq }) => seq)).toEqual([a, b, d, c, d].map(({ seq }) => seq));
    expect(places).toEqual(places.toSorted(byPlace));
    expect(new Set(places.map(({ dueAtMs, seq }) => `${dueAtMs} ${seq}`)).size).toBe(places.length);
    expect(await session.readyIds()).toEqual(['c', 'd']);
  });

  it('keeps a future time that is named, but not one behind the places that were given', async () => {
    const session = await useJournal(createPlace);
    const [a, b] = await accept(session, { a: 'x', b: 'y' });
    session.nowMs -= 500;
    await session.record(retrying(a), { dueAtMs: NOW_MS - 100 });
    await session.record(retrying(b), { dueAtMs: NOW_MS + 100 });
    const [first, second] = await session.readReady('billing', { nowMs: NOW_MS + 100 });
    expect(first?.event.id).toBe('a');
    expect(first?.dueAtMs).toBeGreaterThan(NOW_MS);
    expect(first?.dueAtMs).toBeLessThan(NOW_MS + 1);
    expect(second).toMatchObject({ event: { id: 'b' }, dueAtMs: NOW_MS + 100 });
  });

  it('is read forward, some at a time', async () => {
    const session = await useJournal(createPlace);
    const ids = ['a', 'b', 'c', 'd', 'e'];
    await accept(session, Object.fromEntries(ids.map((id) => [id, ''])));
    const seen: string[] = [];
    let after: ReadyPlace | undefined;
    for (let isEnd = false; !isEnd; ) {
      const page = await session.journal.readReady({
        adapter: 'billing',
        after,
        nowMs: NOW_MS,
        limit: 2,
        limitBytes: 9e9,
      });
      expect(page.deliveries.length).toBeLessThanOrEqual(2);
      seen.push(...page.deliveries.map(({ event }) => event.id));
      const last = page.deliveries.at(-1);
      after = last && { dueAtMs: last.dueAtMs, seq: last.event.seq };
      isEnd = page.isEnd;
    }
    expect(seen).toEqual(ids);
  });

  it('stops before the payloads exceed the limit, but gives at least one', async () => {
    const session = await useJournal(createPlace);
    await accept(session, { a: '', b: '', c: '' }, { data: new Uint8Array(100) });
    const read = async (limitBytes: number) => {
      const { deliveries, isEnd } = await session.journal.readReady({
        adapter: 'billing',
        nowMs: NOW_MS,
        limit: 9,
        limitBytes,
      });
      return [deliveries.map(({ event }) => event.id), isEnd];
    };
    expect(await read(300)).toEqual([['a', 'b', 'c'], true]);
    expect(await read(299)).toEqual([['a', 'b'], false]);
    expect(await read(0)).toEqual([['a'], false]);
  });

  it('gives only what goes to the adapter, and nothing of one that nobody knows', async () => {
    const session = await useJournal(createPlace);
    await session.accept(sampleEvent('a'), { to: ['billing'] });
    await session.accept(sampleEvent('b'), { to: ['records'] });
    expect(await session.readyIds('records')).toEqual(['b']);
    const request = { adapter: 'nobody', nowMs: NOW_MS, limit: 9, limitBytes: 9 };
    const nothing = { deliveries: [], isEnd: true, nextDueAtMs: Number.POSITIVE_INFINITY };
    expect(await session.journal.readReady(request)).toEqual(nothing);
    expect(await session.journal.readHead({ adapter: 'nobody', nowMs: NOW_MS, ignoreNotBefore: true })).toBeUndefined();
  });

  it('sees what was requested before it, and nothing that is older than what was reported before it', async () => {
    const session = await useJournal(createPlace);
    const [a] = await accept(session, { a: '' });
    void session.accept(sampleEvent('b', { key: '' }));
    void session.record(sampleRecord(a));
    const between = session.readyIds().then((ids) => ({ ids, reported: session.reportedIds() }));
    void session.accept(sampleEvent('c', { key: '' }));
    const { ids, reported } = await between;
    expect(ids).toContain('b');
    expect(ids).toEqual(reported.filter((id) => id !== 'a'));
  });

  it('says that there is more when the payloads of what became ready are too large to report', async () => {
    const session = await useJournal(createPlace);
    const data = new Uint8Array(1024 * 1024);
    const ids = Array.from({ length: 12 }, (_, number) => `event-${number}`);
    const events: AcceptedEvent[] = [];
    for (const id of ids) events.push(await session.acceptNew(sampleEvent(id, { data, key: '' }), { to: ['billing'] }));
    for (const event of events) void session.record(deadLettered(event));
    await flushed(session.journal);
    const before = session.reported().length;
    await replayAll(session.journal, {});
    const news = session.commits.at(-1)?.lanes.get('billing');
    expect(news?.isMore).toBe(true);
    expect(session.reportedIds().slice(before)).toEqual(ids.slice(0, 4));
    expect(await session.readyIds()).toEqual(ids);
  });

  it('finds one head: by its seq, or the one that is due first', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const [a, b, c, d] = await accept(session, { a: 'x', b: 'y', c: 'y', d: '' });
    const [dueAtMs, notBeforeMs] = [NOW_MS + 1_000, NOW_MS + 1_000];
    void session.record(retrying(a), { dueAtMs, notBeforeMs });
    void session.record(retrying(b), { dueAtMs: dueAtMs + 1 });
    void session.record(retrying(d), { dueAtMs: dueAtMs + 2 });
    const head = async (request: object) => {
      const found = await journal.readHead({ adapter: 'billing', nowMs: NOW_MS, ignoreNotBefore: true, ...request });
      return found?.event.id;
    };
    expect(await head({})).toBe('a');
    expect(await head({ after: { dueAtMs, seq: a.seq } })).toBe('b');
    expect(await head({ ignoreNotBefore: false })).toBe('b');
    expect(await head({ ignoreNotBefore: false, nowMs: notBeforeMs })).toBe('a');
    expect(await head({ except: { key: 'x', seq: a.seq } })).toBe('b');
    expect(await head({ ignoreNotBefore: false, except: { key: 'y', seq: c.seq } })).toBe('d');
    expect(await head({ ignoreNotBefore: false, except: { key: '', seq: d.seq } })).toBe('b');
    expect(await journal.readHead({ adapter: 'billing', nowMs: NOW_MS, seq: b.seq })).toMatchObject({
      dueAtMs: dueAtMs + 1,
      mayHaveRun: false,
    });
    expect(await journal.readHead({ adapter: 'billing', nowMs: NOW_MS, seq: c.seq })).toBeUndefined();
  });

  it('ends all waits of a lane, and says how many there were', async () => {
    const session = await useJournal(createPlace);
    const [a, b, c] = await accept(session, { a: 'x', b: 'y', c: 'z' });
    for (const [event, wait] of [
      [a, 3_000],
      [b, 2_000],
    ] as const) {
      void session.record(retrying(event), { dueAtMs: NOW_MS + wait, notBeforeMs: NOW_MS + wait });
    }
    void session.record(retrying(a, { adapter: 'records' }), { dueAtMs: NOW_MS + 1_000 });
    expect(await session.readyIds()).toEqual(['c']);
    expect(await session.journal.endWaits({ adapter: 'billing', nowMs: NOW_MS + 1 })).toBe(2);
    expect(session.commits.at(-1)?.lanes.get('billing')).toMatchObject({ isMore: true });
    const ready = await session.readReady('billing', { nowMs: NOW_MS + 1 });
    expect(ready.map(({ event, notBeforeMs }) => [event.id, notBeforeMs])).toEqual([
      [c.id, 0],
      [a.id, 0],
      [b.id, 0],
    ]);
    expect(await session.journal.endWaits({ adapter: 'billing', nowMs: NOW_MS + 2 })).toBe(0);
    expect(await session.readyIds('records')).toEqual(['b', 'c']);
  });
}

function byPlace(left: ReadyPlace, right: ReadyPlace): number {
  return left.dueAtMs - right.dueAtMs || left.seq - right.seq;
}

/** Events with these keys, in this order, for billing and records. */
async function accept<const Keys extends Readonly<Record<string, string>>>(
  session: Session,
  keys: Keys,
  changes: Parameters<typeof sampleEvent>[1] = {},
) {
  const events = Object.entries(keys).map(([id, key]) => session.acceptNew(sampleEvent(id, { key, ...changes })));
  return (await Promise.all(events)) as [AcceptedEvent, AcceptedEvent, AcceptedEvent, AcceptedEvent];
}
