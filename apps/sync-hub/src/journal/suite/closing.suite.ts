import { expect, it } from 'vitest';
import type { Journal } from '../journal.ts';
import { type CreatePlace, flushed, useJournal, usePlace } from './place.fixture.ts';
import { NOW_MS, recordRequest, sampleAccept, sampleEvent, sampleJob, sampleRecord } from './samples.fixture.ts';

export function closingSuite(createPlace: CreatePlace): void {
  it('says who it is and how far it came, the same when it is opened again', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const { journal } = session;
    expect(journal.info).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{8}$/), positions: new Map() });
    const event = await session.acceptNew(sampleEvent('a'));
    void session.record(sampleRecord(event));
    await journal.close();
    const again = await open();
    expect(again.journal.info).toEqual({ ...journal.info, positions: new Map([['billing', 1]]) });
    expect((await again.acceptNew(sampleEvent('b'))).seq).toBe(event.seq + 1);
  });

  it('finishes what was requested before it closes', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const accepted = session.accept(sampleEvent('a'));
    const read = session.readEvent('a');
    await session.journal.close();
    expect((await accepted).kind).toBe('accepted');
    expect((await read)?.event.id).toBe('a');
    expect(session.events).toHaveLength(1);
    const again = await open();
    expect((await again.readEvent('a'))?.event.id).toBe('a');
  });

  it('answers a read once all that was requested before is on disk and reported', async () => {
    const session = await useJournal(createPlace);
    await flushed(session.journal);
    void session.accept(sampleEvent('a'));
    void session.accept(sampleEvent('b'));
    await flushed(session.journal);
    expect(session.events.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('reports to each observer until it has enough', async () => {
    const session = await useJournal(createPlace);
    let commits = 0;
    const end = session.journal.subscribe({ committed: () => void commits++, ended() {} });
    await session.acceptNew(sampleEvent('a'));
    expect(commits).toBeGreaterThan(0);
    const before = commits;
    end();
    await session.acceptNew(sampleEvent('b'));
    expect(commits).toBe(before);
    expect(session.events).toHaveLength(2);
  });

  it('can be closed twice, and rejects what comes later with CLOSED', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const event = await session.acceptNew(sampleEvent('a'));
    await Promise.all([journal.close(), journal.close()]);
    // Nobody waits for these: nothing is unhandled.
    void session.record(sampleRecord(event));
    void journal.saveBreaker({ adapter: 'billing', state: 'open', sinceMs: 0, cause: '' });
    await expectAllToReject(journal, 'CLOSED');
    expect(session.ended).toEqual([]);
  });

  it('fails permanently: reports it once, rejects what is open and what comes later, and accepts nothing more', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const { journal } = session;
    const event = await session.acceptNew(sampleEvent('a'));
    // No journal can write a record of a delivery that does not exist.
    void session.record(sampleRecord({ seq: 99, id: 'nobody' }));
    const pending = session.accept(sampleEvent('b'));
    await expect(pending).rejects.toMatchObject({ name: 'JournalError', code: 'FAILED' });
    void session.record(sampleRecord(event));
    await expectAllToReject(journal, 'FAILED');
    expect(session.ended.map(({ code }) => code)).toEqual(['FAILED']);
    expect(session.events).toHaveLength(1);
    expect(session.records).toEqual([]);
    await journal.close();
    const again = await open();
    expect((await again.readEvent('a'))?.deliveries.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  });
}

async function expectAllToReject(journal: Journal, code: string): Promise<void> {
  const [adapter, nowMs] = ['billing', NOW_MS];
  const requests = [
    journal.accept(sampleAccept(sampleEvent('late'))),
    journal.setReceivers([]),
    journal.openLane({ adapter, onDeadLetter: 'hold', nowMs, longestWaitMs: 1 }),
    journal.record(recordRequest(sampleRecord({ seq: 1, id: 'a' }))),
    journal.readReady({ adapter, nowMs, limit: 1, limitBytes: 1 }),
    journal.readHead({ adapter, nowMs, seq: 1 }),
    journal.giveBack({ adapter, nowMs, seq: 1 }),
    journal.endWaits({ adapter, nowMs }),
    journal.discard({ adapter, seq: 1, atMs: 0, nowMs, reason: 'late' }),
    journal.stepReplay({ job: sampleJob(), atMs: 0, nowMs }),
    journal.readEvent({ id: 'a' }),
    journal.readRecords({ after: new Map(), limit: 1 }),
    journal.listDeliveries({ filter: {}, limit: 1 }),
    journal.countSome({ filter: {}, after: undefined }),
    journal.countDeliveriesOf({}),
    journal.saveBreaker({ adapter, state: 'open', sinceMs: 0, cause: '' }),
    journal.saveLanePause({ adapter, pause: undefined }),
    journal.saveJob(sampleJob()),
    journal.readJobs(),
    journal.prune({ settledBeforeMs: 0, maxEvents: 1, maxRecords: 1 }),
    journal.readStatistics(),
    journal.backup('/nowhere/journal.db'),
  ];
  for (const result of await Promise.allSettled(requests)) {
    expect(result).toMatchObject({ status: 'rejected', reason: { name: 'JournalError', code } });
  }
}
