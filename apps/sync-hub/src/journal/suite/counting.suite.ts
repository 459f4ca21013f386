import { expect, it } from 'vitest';
import { ADAPTERS, type CreatePlace, OTHER_CONTENT, type Session, useJournal, usePlace } from './place.fixture.ts';
import { deadLettered, retrying, sampleEvent, sampleRecord, withoutAttempt } from './samples.fixture.ts';

export function countingSuite(createPlace: CreatePlace): void {
  it('counts what is not settled and what is dead, of each adapter', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const a = await session.acceptNew(sampleEvent('a'), { to: ADAPTERS });
    const b = await session.acceptNew(sampleEvent('b'), { to: ['billing', 'scheduling'] });
    void session.record(sampleRecord(a, { adapter: 'records' }));
    void session.record(retrying(a, { adapter: 'billing' }));
    void session.record(deadLettered(a, { adapter: 'scheduling' }));
    void session.record(deadLettered(b, { adapter: 'scheduling' }));
    const expected = [
      { adapter: 'billing', unsettled: 2, deadLetters: 0 },
      { adapter: 'records', unsettled: 0, deadLetters: 0 },
      { adapter: 'scheduling', unsettled: 0, deadLetters: 2 },
    ];
    expect(await counted(session)).toEqual(expected);
    await session.journal.close();
    const again = await open();
    expect(await counted(again)).toEqual(expected);
    void again.record(withoutAttempt(a, { adapter: 'scheduling', state: 'discarded' }));
    void again.record(retrying(b, { adapter: 'scheduling', cycle: 2 }));
    expect(await counted(again)).toEqual([
      ...expected.slice(0, 2),
      { adapter: 'scheduling', unsettled: 1, deadLetters: 0 },
    ]);
  });

  it('counts nothing for what it did not accept', async () => {
    const session = await useJournal(createPlace);
    await session.accept(sampleEvent('a'), { to: ['billing'] });
    await session.accept(sampleEvent('a'), { to: ['billing'] });
    await session.accept(sampleEvent('a'), { to: ['records'], ...OTHER_CONTENT });
    const [billing, records] = await counted(session);
    expect([billing?.unsettled, records?.unsettled]).toEqual([1, 0]);
  });

  it('says of what waits at each adapter how long the oldest has, and how much is behind dead letters', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const accept = (id: string, key: string, acceptedAtMs: number) =>
      session.acceptNew(sampleEvent(id, { key }), { acceptedAtMs });
    const dead = await accept('dead', 'x', 1_000);
    const ahead = await accept('ahead', 'y', 2_000);
    void session.record(deadLettered(dead));
    await accept('behind-1', 'x', 3_000);
    const behind = await accept('behind-2', 'x', 4_000);
    const laterDead = await accept('later-dead', 'y', 5_000);
    void session.record(deadLettered(laterDead));
    void session.record(retrying(behind));
    for (const number of [1, 2]) void session.record(deadLettered(await accept(`no-key-${number}`, '', 6_000)));
    await accept('no-key-open', '', 7_000);
    await session.journal.close();
    const again = await open();
    expect((await again.journal.readStatistics()).lanes).toEqual([
      { adapter: 'billing', unsettled: 4, deadLetters: 4, oldestAcceptedAtMs: 2_000, behindDeadLetters: 2 },
      { adapter: 'records', unsettled: 8, deadLetters: 0, oldestAcceptedAtMs: 1_000, behindDeadLetters: 0 },
      { adapter: 'scheduling', unsettled: 0, deadLetters: 0, oldestAcceptedAtMs: undefined, behindDeadLetters: 0 },
    ]);
    void again.record(sampleRecord(ahead));
    expect((await again.journal.readStatistics()).lanes[0]).toMatchObject({ unsettled: 3, oldestAcceptedAtMs: 3_000 });
  });

  it('knows its size', async () => {
    const session = await useJournal(createPlace);
    await session.accept(sampleEvent('a', { data: new Uint8Array(100_000) }));
    expect((await session.journal.readStatistics()).sizeBytes).toBeGreaterThanOrEqual(100_000);
  });
}

async function counted({ journal }: Session) {
  const { lanes } = await journal.readStatistics();
  return lanes.map(({ adapter, unsettled, deadLetters }) => ({ adapter, unsettled, deadLetters }));
}
