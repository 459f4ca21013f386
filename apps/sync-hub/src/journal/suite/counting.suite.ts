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

  it('says of what waits at each adapter how long the oldest has, and how much is behind dead letters', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    expect((await journal.readStatistics()).waiting).toEqual([]);
    const accept = async (id: string, key: string, acceptedAtMs: number) => {
      const request = sampleAccept(sampleEvent(id, { key }), { adapters: ['billing', 'records'] });
      return acceptNew(journal, { ...request, acceptedAtMs });
    };
    const dead = await accept('dead', 'x', 1_000);
    const ahead = await accept('ahead', 'y', 2_000);
    journal.record(deadLettered(dead));
    await accept('behind-1', 'x', 3_000);
    const behind = await accept('behind-2', 'x', 4_000);
    const laterDead = await accept('later-dead', 'y', 5_000);
    journal.record(deadLettered(laterDead));
    journal.record(retrying(behind));
    for (const number of [1, 2]) journal.record(deadLettered(await accept(`no-key-${number}`, '', 6_000)));
    await accept('no-key-open', '', 7_000);
    const expected = [
      { adapter: 'billing', unsettled: 4, oldestAcceptedAtMs: 2_000, behindDeadLetters: 2 },
      { adapter: 'records', unsettled: 8, oldestAcceptedAtMs: 1_000, behindDeadLetters: 0 },
    ];
    await journal.close();
    const { journal: reopened } = await open();
    expect((await reopened.readStatistics()).waiting).toEqual(expected);
    reopened.record(sampleRecord(ahead));
    expect((await reopened.readStatistics()).waiting[0]).toMatchObject({ unsettled: 3, oldestAcceptedAtMs: 3_000 });
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
