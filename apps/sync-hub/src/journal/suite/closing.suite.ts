import { expect, it } from 'vitest';
import type { Journal } from '../journal.ts';
import { type CreatePlace, toldEvents, useJournal, usePlace } from './place.suite.ts';
import { acceptNew, sampleAccept, sampleEvent, sampleJob, sampleRecord } from './samples.suite.ts';

export function closingSuite(createPlace: CreatePlace): void {
  it('says who it is and how far it came, the same when it is opened again', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    expect(journal.info).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{8}$/), lastSeq: 0, lastCursor: 0 });
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    journal.record(sampleRecord(event));
    await journal.close();
    const { journal: reopened } = await open();
    expect(reopened.info).toEqual({ ...journal.info, lastSeq: 1, lastCursor: 1 });
  });

  it('finishes what was requested before it closes', async () => {
    const open = await usePlace(createPlace);
    const { journal, told } = await open();
    const accepted = journal.accept(sampleAccept(sampleEvent('a')));
    const read = journal.readEvent('a');
    await journal.close();
    expect((await accepted).kind).toBe('accepted');
    expect((await read)?.event.id).toBe('a');
    expect(toldEvents(told)).toHaveLength(1);
    const { journal: reopened } = await open();
    expect((await reopened.readEvent('a'))?.event.id).toBe('a');
  });

  it('can be closed twice, and rejects what comes later with CLOSED', async () => {
    const { journal, fatal } = await useJournal(createPlace);
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    await Promise.all([journal.close(), journal.close()]);
    journal.record(sampleRecord(event));
    journal.saveBreaker({ adapter: 'billing', state: 'open', sinceMs: 0, cause: '' });
    await expectAllToReject(journal, 'CLOSED');
    expect(fatal).toEqual([]);
  });

  it('refuses to be opened by a second one, and lets the next one in once it is closed', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    await expect(open()).rejects.toMatchObject({ name: 'JournalError', code: 'IN_USE' });
    await journal.accept(sampleAccept(sampleEvent('a')));
    await journal.close();
    const { journal: next } = await open();
    expect((await next.readEvent('a'))?.event.id).toBe('a');
  });

  it('fails for good: tells it once, rejects what is open and what comes later, and takes nothing more', async () => {
    const open = await usePlace(createPlace);
    const { journal, told, fatal } = await open();
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    // No journal can write a record of a delivery that does not exist.
    journal.record(sampleRecord({ seq: 99, id: 'nobody' }));
    const pending = journal.accept(sampleAccept(sampleEvent('b')));
    await expect(pending).rejects.toMatchObject({ name: 'JournalError', code: 'FAILED' });
    journal.record(sampleRecord(event));
    await expectAllToReject(journal, 'FAILED');
    expect(fatal).toHaveLength(1);
    expect(fatal[0]?.code).toBe('FAILED');
    expect(told).toHaveLength(1);
    await journal.close();
    const { journal: reopened } = await open();
    expect((await reopened.readEvent('a'))?.deliveries.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  });
}

async function expectAllToReject(journal: Journal, code: string): Promise<void> {
  const requests = [
    journal.accept(sampleAccept(sampleEvent('late'))),
    journal.fetchOpen({ adapter: 'billing', afterSeq: 0, limit: 1, limitBytes: 1 }),
    journal.readEvent('a'),
    journal.readRecords({ afterCursor: 0, limit: 1 }),
    journal.readBreakers(),
    journal.countDeliveries(),
    journal.listDeliveries({ filter: {}, limit: 1 }),
    journal.countDeliveriesOf({}),
    journal.stepReplay({ job: sampleJob(), atMs: 0 }),
    journal.discard({ adapter: 'billing', seq: 1, atMs: 0, reason: 'late' }),
    journal.saveLanePause({ adapter: 'billing', pause: undefined }),
    journal.readLanes(),
    journal.readDeadLetterKeys('billing'),
    journal.readJobs(),
    journal.prune({ settledBeforeMs: 0, maxEvents: 1, maxRecords: 1 }),
    journal.readStatistics(),
  ];
  for (const result of await Promise.allSettled(requests)) {
    expect(result).toMatchObject({ status: 'rejected', reason: { name: 'JournalError', code } });
  }
}
