import { expect, it } from 'vitest';
import type { AcceptedEvent } from '../../core/event.ts';
import type { DeliveryFilter } from '../delivery-filter.ts';
import type { DeliveryPosition } from '../delivery-page.ts';
import type { Journal } from '../journal.ts';
import { type CreatePlace, type Session, useJournal } from './place.fixture.ts';
import { deadLettered, failedAttempt, retrying, sampleEvent, sampleRecord, withoutAttempt } from './samples.fixture.ts';

export function listingSuite(createPlace: CreatePlace): void {
  it('lists what is not delivered, newest first, those of one event by adapter', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    await storyOf(session);
    expect(await listed(journal, {})).toEqual(['d billing', 'c records', 'b billing', 'b records', 'a billing']);
  });

  it('lists a delivery with its state, with its last record', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const { a } = await storyOf(session);
    const { deliveries } = await journal.listDeliveries({ filter: { eventIds: ['a'] }, limit: 9 });
    const counts = { cycle: 1, attempts: 2, spent: 2, crashes: 1 };
    expect(deliveries).toEqual([
      {
        adapter: 'billing',
        seq: a.seq,
        eventId: 'a',
        source: 'hms-api',
        type: 'PatientAdmitted',
        key: 'x',
        acceptedAtMs: 1_000,
        state: 'dead_lettered',
        isHeldByKey: false,
        reopenedAtMs: undefined,
        ...counts,
        latest: { ...deadLettered(a, counts), position: 2 },
      },
    ]);
  });

  it.each<[string, DeliveryFilter, readonly string[]]>([
    ['adapters', { adapters: ['records', 'nobody'] }, ['c records', 'b records']],
    ['dead letters', { states: ['dead_lettered'] }, ['b records', 'a billing']],
    ['dead letters of one adapter', { states: ['dead_lettered'], adapters: ['billing'] }, ['a billing']],
    ['waiting ones', { states: ['waiting'] }, ['d billing', 'c records']],
    ['settled ones', { states: ['delivered', 'skipped'] }, ['c billing', 'a records']],
    ['all states', { states: ['waiting', 'delivered'] }, ['d billing', 'c records', 'a records']],
    ['types', { types: ['PatientAdmitted'] }, ['a billing']],
    ['keys', { keys: ['x', ''] }, ['d billing', 'b billing', 'b records', 'a billing']],
    ['event ids', { eventIds: ['b', 'nobody', 'b', 'd'] }, ['d billing', 'b billing', 'b records']],
    ['accepted from', { acceptedFromMs: 3_000 }, ['d billing', 'c records']],
    ['accepted up to', { acceptedToMs: 2_000 }, ['a billing']],
    ['last outcomes', { errorKinds: ['permanent'] }, ['b records']],
    ['several at once', { keys: ['x'], states: ['dead_lettered'], errorKinds: ['retryable'] }, ['a billing']],
    ['empty lists, which mean any', { adapters: [], states: [], keys: [] }, all],
  ])('filters by %s', async (_, filter, expected) => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    await storyOf(session);
    expect(await listed(journal, filter)).toEqual(expected);
    expect(await journal.countDeliveriesOf(filter)).toBe(expected.length);
  });

  it.each<[string, DeliveryFilter]>([
    ['what is not delivered', {}],
    ['history', { states: ['waiting', 'retrying', 'delivered', 'skipped', 'dead_lettered'] }],
    ['named events', { eventIds: ['d', 'c', 'b', 'a'] }],
  ])('gives the same page by page: %s', async (_, filter) => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    await storyOf(session);
    const whole = await listed(journal, filter);
    for (const limit of [1, 2, 3]) expect(await pageByPage(journal, filter, limit)).toEqual(whole);
  });

  it('goes on after a place whatever was added or settled meanwhile', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const { b } = await storyOf(session);
    const first = await journal.listDeliveries({ filter: {}, limit: 3 });
    await session.acceptNew(sampleEvent('e'));
    void session.record(sampleRecord(b));
    const { deliveries } = await journal.listDeliveries({ filter: {}, limit: 9, ...after(first.next) });
    expect(deliveries.map(({ eventId, adapter }) => `${eventId} ${adapter}`)).toEqual(['b records', 'a billing']);
  });

  it('lists nothing of an empty journal', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    for (const filter of [{}, { states: ['delivered'] }, { eventIds: ['a'] }] satisfies DeliveryFilter[]) {
      expect(await journal.listDeliveries({ filter, limit: 9 })).toEqual({ deliveries: [], next: undefined });
      expect(await journal.countDeliveriesOf(filter)).toBe(0);
    }
  });
}

const all = ['d billing', 'c records', 'b billing', 'b records', 'a billing'];

/** Four events with deliveries in every state. */
async function storyOf(session: Session): Promise<Record<'a' | 'b' | 'c' | 'd', AcceptedEvent>> {
  const accept = (id: string, key: string, acceptedAtMs: number, type = 'ProcessUpdated') =>
    session.acceptNew(sampleEvent(id, { key, type }), {
      to: id === 'd' ? ['billing'] : ['billing', 'records'],
      acceptedAtMs,
    });
  const a = await accept('a', 'x', 1_000, 'PatientAdmitted');
  const b = await accept('b', 'x', 2_000);
  const c = await accept('c', 'y', 3_000);
  const d = await accept('d', '', 4_000);
  void session.record(retrying(a));
  void session.record(deadLettered(a, { attempts: 2, spent: 2, crashes: 1 }));
  void session.record(sampleRecord(a, { adapter: 'records' }));
  void session.record(retrying(b));
  void session.record(deadLettered(b, { adapter: 'records', attempt: { ...failedAttempt, outcome: 'permanent' } }));
  void session.record(withoutAttempt(c, { state: 'skipped' }));
  return { a, b, c, d };
}

async function listed(journal: Journal, filter: DeliveryFilter): Promise<readonly string[]> {
  const { deliveries, next } = await journal.listDeliveries({ filter, limit: 99 });
  expect(next).toBeUndefined();
  return deliveries.map(({ eventId, adapter }) => `${eventId} ${adapter}`);
}

async function pageByPage(journal: Journal, filter: DeliveryFilter, limit: number): Promise<readonly string[]> {
  const seen: string[] = [];
  let next: DeliveryPosition | undefined;
  do {
    const page = await journal.listDeliveries({ filter, limit, ...after(next) });
    expect(page.deliveries.length).toBeLessThanOrEqual(limit);
    seen.push(...page.deliveries.map(({ eventId, adapter }) => `${eventId} ${adapter}`));
    next = page.next;
  } while (next !== undefined);
  return seen;
}

function after(position: DeliveryPosition | undefined): { after?: DeliveryPosition } {
  return position === undefined ? {} : { after: position };
}
