import { expect, it } from 'vitest';
import { type CreatePlace, useJournal, usePlace } from './place.suite.ts';
import {
  acceptNew,
  deadLettered,
  retrying,
  sampleAccept,
  sampleEvent,
  sampleRecord,
  withoutAttempt,
} from './samples.suite.ts';

export function countingSuite(createPlace: CreatePlace): void {
  it('counts what is not settled and what is dead, of each adapter that ever had a delivery', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    expect(await journal.countDeliveries()).toEqual([]);
    const adapters = ['billing', 'records', 'scheduling'];
    const a = await acceptNew(journal, sampleAccept(sampleEvent('a'), { adapters }));
    const b = await acceptNew(journal, sampleAccept(sampleEvent('b'), { adapters: ['billing', 'scheduling'] }));
    journal.record(sampleRecord(a, { adapter: 'records' }));
    journal.record(retrying(a, { adapter: 'billing' }));
    journal.record(deadLettered(a, { adapter: 'scheduling' }));
    journal.record(deadLettered(b, { adapter: 'scheduling' }));
    const expected = [
      { adapter: 'billing', unsettled: 2, deadLetters: 0 },
      { adapter: 'records', unsettled: 0, deadLetters: 0 },
      { adapter: 'scheduling', unsettled: 0, deadLetters: 2 },
    ];
    expect(await journal.countDeliveries()).toEqual(expected);
    await journal.close();
    const { journal: reopened } = await open();
    expect(await reopened.countDeliveries()).toEqual(expected);
    reopened.record(withoutAttempt(a, { adapter: 'scheduling', state: 'discarded' }));
    reopened.record(retrying(b, { adapter: 'scheduling', cycle: 2 }));
    expect(await reopened.countDeliveries()).toEqual([
      ...expected.slice(0, 2),
      { adapter: 'scheduling', unsettled: 1, deadLetters: 0 },
    ]);
  });

  it('counts nothing for what it did not accept', async () => {
    const { journal } = await useJournal(createPlace);
    await journal.accept(sampleAccept(sampleEvent('a'), { adapters: ['billing'] }));
    await journal.accept(sampleAccept(sampleEvent('a'), { adapters: ['billing'] }));
    await journal.accept(sampleAccept(sampleEvent('a'), { adapters: ['records'], content: 'other' }));
    expect(await journal.countDeliveries()).toEqual([{ adapter: 'billing', unsettled: 1, deadLetters: 0 }]);
  });

  it('keeps the latest state of each breaker', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    expect(await journal.readBreakers()).toEqual([]);
    const records = {
      adapter: 'records',
      state: 'half_open',
      sinceMs: 1_790_000_000_000,
      cause: '5 of 8 failed',
    } as const;
    const billing = { adapter: 'billing', state: 'open', sinceMs: 1_790_000_000_001, cause: 'ECONNREFUSED' } as const;
    journal.saveBreaker(records);
    journal.saveBreaker({ ...billing, state: 'closed', cause: '' });
    journal.saveBreaker(billing);
    expect(await journal.readBreakers()).toEqual([billing, records]);
    await journal.close();
    const { journal: reopened } = await open();
    expect(await reopened.readBreakers()).toEqual([billing, records]);
  });

  it('knows its size', async () => {
    const { journal } = await useJournal(createPlace);
    await journal.accept(sampleAccept(sampleEvent('a', { data: new Uint8Array(100_000) })));
    expect((await journal.readStatistics()).sizeBytes).toBeGreaterThanOrEqual(100_000);
  });
}
