import { expect, it } from 'vitest';
import type { AcceptedEvent } from '../../core/event.ts';
import { type CreatePlace, flushed, type Session, useJournal, usePlace } from './place.fixture.ts';
import { deadLettered, NOW_MS, replayAll, retrying, sampleEvent, sampleRecord } from './samples.fixture.ts';

/** Who owns a lane, and what the rule of heads means when it is opened, given back, held and replayed. */
export function lanesSuite(createPlace: CreatePlace): void {
  it('belongs to whoever opened it last: what an earlier one records is lost, and it is notified', async () => {
    const session = await useJournal(createPlace);
    const [a] = await accept(session, { a: 'x', b: 'x' });
    const first = await session.openLane('billing');
    const second = await session.openLane('billing');
    expect(second.epoch).not.toBe(first.epoch);
    expect(await session.record(sampleRecord(a), { epoch: first.epoch })).toEqual({ kind: 'lane_lost' });
    expect(session.commits.at(-1)?.lanes.get('billing')).toMatchObject({ lostEpoch: expect.any(Number), ready: [] });
    expect(session.records).toEqual([]);
    expect(await session.readyIds()).toEqual(['a']);
    expect(await session.record(sampleRecord(a))).toEqual({ kind: 'recorded', position: 1 });
    expect(await session.record(sampleRecord(a, { adapter: 'records' }))).toEqual({ kind: 'recorded', position: 1 });
  });

  it('answers what was kept of its breaker and its pause', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const { journal } = session;
    expect(await session.openLane('billing')).toMatchObject({ breaker: undefined, pause: undefined });
    const breaker = {
      adapter: 'billing',
      state: 'half_open',
      sinceMs: 1_790_000_000_001,
      cause: '5 of 8 failed',
    } as const;
    const pause = { reason: 'audit', sinceMs: 2 };
    void journal.saveBreaker({ ...breaker, state: 'open' });
    void journal.saveBreaker(breaker);
    void journal.saveBreaker({ ...breaker, adapter: 'records' });
    await journal.saveLanePause({ adapter: 'billing', pause: { reason: 'typo', sinceMs: 1 } });
    await journal.saveLanePause({ adapter: 'billing', pause });
    await journal.saveLanePause({ adapter: 'records', pause });
    await journal.saveLanePause({ adapter: 'records', pause: undefined });
    await journal.close();
    const again = await open();
    expect(await again.openLane('billing')).toMatchObject({ breaker, pause });
    expect(await again.openLane('records')).toMatchObject({ breaker: { adapter: 'records' }, pause: undefined });
  });

  it('says of what was ready or waited for a retry when it was opened that it may have run, and of nothing else', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const [a, , c, , e] = await accept(session, { a: 'x', behind: 'x', c: 'y', d: '', e: 'z' });
    void session.record(retrying(c), { dueAtMs: NOW_MS + 5_000 });
    await session.record(retrying(e), { dueAtMs: NOW_MS + 500 });
    await session.journal.close();
    const again = await open();
    again.nowMs = NOW_MS + 1_000;
    await again.openLane('billing');
    await again.acceptNew(sampleEvent('fresh', { key: 'fresh' }));
    const mayHaveRun = async () => {
      const ready = await again.readReady('billing', { nowMs: NOW_MS + 9_000 });
      return ready.filter((delivery) => delivery.mayHaveRun).map(({ event }) => event.id);
    };
    expect(await again.readyIds('billing', { nowMs: NOW_MS + 9_000 })).toEqual(['a', 'd', 'e', 'fresh', 'c']);
    expect(await mayHaveRun()).toEqual(['a', 'd', 'e', 'c']);
    await again.record(retrying(e), { dueAtMs: again.nowMs });
    await again.record(sampleRecord(a));
    expect(await mayHaveRun()).toEqual(['d', 'c']);
    expect(again.reported().map(({ event, mayHaveRun: may }) => [event.id, may])).toEqual([
      ['fresh', false],
      ['e', false],
      ['behind', false],
    ]);
  });

  it('keeps in its place what may have run, though it is given back, and still says so over another restart', async () => {
    const open = await usePlace(createPlace);
    const first = await open();
    const [old, head] = await accept(first, { old: 'x', head: 'x' });
    await first.record(deadLettered(old));
    await first.journal.close();
    const second = await open();
    await replayAll(second.journal, { adapters: ['billing'] });
    await second.journal.giveBack({ adapter: 'billing', seq: head.seq, nowMs: NOW_MS });
    expect(second.reported()).toMatchObject([{ event: head, mayHaveRun: true }]);
    await second.journal.close();
    const third = await open();
    expect(await third.readReady()).toMatchObject([{ event: head, mayHaveRun: true }]);
    await third.record(retrying(head), { dueAtMs: NOW_MS });
    expect(third.reported()).toMatchObject([{ event: old, mayHaveRun: false }]);
    await third.record(sampleRecord(old, { cycle: 2 }));
    expect(third.reported().at(-1)).toMatchObject({ event: head, mayHaveRun: false });
  });

  it('makes nothing wait that was ready when the clock was set back, and no retry longer than the longest wait', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const [a, b] = await accept(session, { a: 'x', b: 'y', c: '' });
    void session.record(retrying(a), { dueAtMs: NOW_MS + 3_000, notBeforeMs: NOW_MS + 3_000 });
    void session.record(sampleRecord(b, { adapter: 'records' }));
    await session.journal.close();
    const again = await open();
    again.nowMs = NOW_MS - 3_600_000;
    await again.openLane('billing', { longestWaitMs: 60_000 });
    const page = await again.journal.readReady({ adapter: 'billing', nowMs: again.nowMs, limit: 9, limitBytes: 9_999 });
    expect(page.deliveries.map(({ event, mayHaveRun }) => [event.id, mayHaveRun])).toEqual([
      ['b', true],
      ['c', true],
    ]);
    expect(page.nextDueAtMs).toBeLessThanOrEqual(again.nowMs + 60_000);
    expect(await again.readyIds('billing', { nowMs: again.nowMs + 59_999 })).toEqual(['b', 'c']);
    const ready = await again.readReady('billing', { nowMs: again.nowMs + 60_000 });
    expect(ready.map(({ event, notBeforeMs }) => [event.id, notBeforeMs])).toEqual([
      ['b', 0],
      ['c', 0],
      ['a', again.nowMs + 60_000],
    ]);
  });

  it('keeps its head while a replay comes in front of it, until it is given back', async () => {
    const session = await useJournal(createPlace);
    const [a, b] = await accept(session, { a: 'x', b: 'x', c: 'x' });
    void session.record(deadLettered(a));
    await replayAll(session.journal, { adapters: ['billing'] });
    expect(session.reopened).toEqual([{ adapter: 'billing', seq: a.seq, behindSeq: b.seq }]);
    expect(await session.readyIds()).toEqual(['b']);
    await session.journal.giveBack({ adapter: 'billing', seq: b.seq, nowMs: NOW_MS });
    expect(session.reportedIds()).toEqual(['a', 'b', 'a']);
    expect(await session.readyIds()).toEqual(['a']);
    await session.record(sampleRecord(a, { cycle: 2 }));
    await session.record(sampleRecord(b));
    expect(session.reportedIds()).toEqual(['a', 'b', 'a', 'b', 'c']);
  });

  it('chooses the head again with every outcome: a replay came in front of an attempt that is tried again', async () => {
    const session = await useJournal(createPlace);
    const [a, b] = await accept(session, { a: 'x', b: 'x' });
    void session.record(deadLettered(a));
    await replayAll(session.journal, { adapters: ['billing'] });
    await session.record(retrying(b), { dueAtMs: NOW_MS + 1_000 });
    expect(await session.readyIds('billing', { nowMs: NOW_MS + 9_000 })).toEqual(['a']);
    await session.record(sampleRecord(a, { cycle: 2 }));
    expect(session.commits.at(-1)?.lanes.get('billing')).toMatchObject({ ready: [], nextDueAtMs: NOW_MS + 1_000 });
    expect(await session.readyIds('billing', { nowMs: NOW_MS + 1_000 })).toEqual(['b']);
  });

  it('reports the head again that is given back and stays it, and nothing of one that is not a head', async () => {
    const session = await useJournal(createPlace);
    const [a, b, c] = await accept(session, { a: 'x', b: 'x', c: '' });
    for (const { seq } of [a, b, c]) void session.journal.giveBack({ adapter: 'billing', seq, nowMs: NOW_MS });
    await flushed(session.journal);
    expect(session.reportedIds()).toEqual(['a', 'c', 'a', 'c']);
    expect(await session.readyIds()).toEqual(['a', 'c']);
  });

  it('answers a give-back with the delivery when the same commit makes it the head again', async () => {
    const session = await useJournal(createPlace);
    const [a, b] = await accept(session, { a: 'x', b: 'x' });
    void session.record(deadLettered(a));
    await replayAll(session.journal, { adapters: ['billing'] });
    await session.record(retrying(b), { dueAtMs: NOW_MS });
    const givenBack = session.journal.giveBack({ adapter: 'billing', seq: b.seq, nowMs: NOW_MS });
    void session.record(sampleRecord(a, { cycle: 2 }));
    expect((await givenBack)?.event.id).toBe('b');
  });

  it('does not send a replay after a newer one of its key: it is a dead letter again, and says why', async () => {
    const session = await useJournal(createPlace);
    const [a, b, c] = await accept(session, { a: 'x', b: 'x', c: 'x' });
    void session.record(deadLettered(a, { attempts: 3 }));
    await replay(session, { includeStale: false });
    const results = session.record(sampleRecord(b));
    expect(await results).toEqual({ kind: 'recorded', position: 2 });
    expect(session.records.slice(1)).toMatchObject([
      { eventId: 'b', state: 'delivered', position: 2 },
      {
        eventId: 'a',
        state: 'dead_lettered',
        position: 3,
        cycle: 2,
        attempts: 0,
        reason: expect.stringContaining('include_stale'),
      },
    ]);
    expect(session.reportedIds()).toEqual(['a', 'b', 'c']);
    expect((await session.readEvent('a'))?.deliveries[0]).toMatchObject({ state: 'dead_lettered', cycle: 2 });
    await session.record(sampleRecord(c));
    expect((await session.journal.readRecords({ after: new Map([['billing', 2]]), limit: 9 })).records).toMatchObject([
      { eventId: 'a' },
      { eventId: 'c' },
    ]);
  });

  it('sends a replay after a newer one when it is asked to', async () => {
    const session = await useJournal(createPlace);
    const [a, b] = await accept(session, { a: 'x', b: 'x' });
    void session.record(deadLettered(a));
    await replay(session, { includeStale: true });
    await session.record(sampleRecord(b));
    expect(session.reportedIds()).toEqual(['a', 'b', 'a']);
    await session.record(retrying(a, { cycle: 2 }), { dueAtMs: NOW_MS });
    expect(session.reportedIds()).toEqual(['a', 'b', 'a', 'a']);
  });

  it('holds a key with a dead letter where that is asked for, until that is replayed or discarded', async () => {
    const session = await useJournal(createPlace);
    await session.openLane('billing', { onDeadLetter: 'hold' });
    const [a, b, c] = await accept(session, { a: 'x', b: 'x', c: 'x', other: 'y' });
    await session.record(deadLettered(a));
    const d = await session.acceptNew(sampleEvent('d', { key: 'x' }));
    expect(await session.readyIds()).toEqual(['other']);
    await replayAll(session.journal, { adapters: ['billing'] });
    expect(await session.readyIds()).toEqual(['other', 'a']);
    await session.record(deadLettered(a, { cycle: 2 }));
    expect(await session.readyIds()).toEqual(['other']);
    await session.journal.discard({ adapter: 'billing', seq: b.seq, atMs: 1, nowMs: NOW_MS, reason: 'known' });
    expect(await session.readyIds()).toEqual(['other']);
    await session.journal.discard({ adapter: 'billing', seq: a.seq, atMs: 1, nowMs: NOW_MS, reason: 'known' });
    expect(await session.readyIds()).toEqual(['other', 'c']);
    await session.record(deadLettered(c));
    expect(await session.readyIds()).toEqual(['other']);
    expect(await session.readyIds('records')).toEqual(['a', 'other']);
    expect(d.seq).toBeGreaterThan(c.seq);
  });

  it('does not send a replay after what may have run before its key was held: it is a dead letter again', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const [a, b] = await accept(session, { a: 'x', b: 'x' });
    await session.record(deadLettered(a));
    await session.journal.close();
    const again = await open();
    await again.openLane('billing', { onDeadLetter: 'hold' });
    expect(await again.readyIds()).toEqual([]);
    await replay(again, { includeStale: false });
    expect(again.reported()).toEqual([]);
    expect((await again.readEvent('a'))?.deliveries[0]).toMatchObject({ state: 'dead_lettered', cycle: 2 });
    await again.openLane('billing', { onDeadLetter: 'continue' });
    expect(await again.readReady()).toMatchObject([{ event: b, mayHaveRun: true }]);
  });

  it('computes its heads again when that setting is another than before', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const [a, b, c] = await accept(session, { a: 'x', b: 'x', c: 'y', free: 'z' });
    void session.record(deadLettered(a));
    await session.record(deadLettered(c));
    expect(await session.readyIds()).toEqual(['free', 'b']);
    await session.journal.close();
    const again = await open();
    await again.openLane('billing', { onDeadLetter: 'hold' });
    expect(await again.readyIds()).toEqual(['free']);
    const d = await again.acceptNew(sampleEvent('d', { key: 'y' }));
    expect(await again.readyIds()).toEqual(['free']);
    await again.openLane('billing', { onDeadLetter: 'continue' });
    const ready = await again.readReady();
    expect(ready.map(({ event, mayHaveRun }) => [event.id, mayHaveRun])).toEqual([
      ['free', true],
      // It was ready before it was held.
      [b.id, true],
      [d.id, false],
    ]);
  });
}

async function replay(session: Session, { includeStale }: { includeStale: boolean }): Promise<void> {
  const job = {
    id: 'job-1',
    state: 'running',
    filter: { adapters: ['billing'] },
    ratePerSecond: 50,
    reason: 'billing is back, says Dana',
    includeStale,
    includeReplayed: false,
    createdAtMs: 1,
    upTo: { billing: 1e9 },
    matched: 0,
    skippedStale: 0,
    skippedReplayed: 0,
    sent: 0,
  } as const;
  await session.journal.stepReplay({ job, atMs: 5_000, nowMs: NOW_MS, bounds: { limit: 99, limitBytes: 1e9 } });
}

/** Events with these keys, in this order, for billing and records. */
async function accept(session: Session, keys: Readonly<Record<string, string>>) {
  const events = Object.entries(keys).map(([id, key]) => session.acceptNew(sampleEvent(id, { key })));
  return (await Promise.all(events)) as [AcceptedEvent, AcceptedEvent, AcceptedEvent, AcceptedEvent, AcceptedEvent];
}
