import { describe, expect, it } from 'vitest';
import { recordAt } from '../journal/suite/samples.fixture.ts';
import { createAcks, followable } from './acks.fixture.ts';
import type { DeliveryUpdate } from './delivery-update.ts';
import type { FollowableEvent, KnownDeliveries, KnownDelivery } from './followed-events.ts';

const FRESH: KnownDeliveries = { kind: 'new', heldByKey: [] };

const nameOf = (update: DeliveryUpdate) =>
  update.kind === 'recorded'
    ? `${update.record.seq} ${update.record.state}`
    : `${update.held.seq} held by ${update.held.heldBy} at ${update.held.adapter}`;

/** Acks with events that are followed, and what their followers heard. */
function createFollowed() {
  const made = createAcks();
  const heard: string[] = [];
  const updates: DeliveryUpdate[] = [];
  const follow = (event: FollowableEvent) =>
    made.acks.follow(event, (update) => {
      heard.push(nameOf(update));
      updates.push(update);
    });
  /** A lane's gate, and all that follows from its change. */
  const gate = async (heldBy: Parameters<typeof made.gates.shut.set>[1] | undefined, adapter = 'billing') => {
    if (heldBy === undefined) made.gates.shut.delete(adapter);
    else made.gates.shut.set(adapter, heldBy);
    made.acks.gateChanged(adapter);
    await Promise.resolve();
  };
  return { ...made, heard, updates, follow, gate };
}

const stored = (changes: Partial<KnownDelivery> = {}): KnownDeliveries => ({
  kind: 'stored',
  deliveries: [
    {
      adapter: 'billing',
      state: 'waiting',
      isHeldByKey: false,
      cycle: 1,
      attempts: 0,
      spent: 0,
      crashes: 0,
      ...changes,
    },
  ],
});

describe('following an event', () => {
  it('reports its records and nothing of others, until it ends', () => {
    const { follow, add, heard } = createFollowed();
    const following = follow(followable(1));
    add(recordAt(1), recordAt(2));
    following.end();
    add(recordAt(3, { seq: 1 }));
    expect(heard).toEqual(['1 delivered']);
  });

  it('gives the place after each record, in the order of commit', () => {
    const { acks, add } = createAcks();
    const places: unknown[] = [];
    acks.follow(followable(1, { adapters: ['billing', 'records'] }), (_, place) => places.push([...place]));
    add(recordAt(1, { seq: 9 }), recordAt(2, { seq: 1 }), recordAt(7, { seq: 1, adapter: 'records' }));
    expect(places).toEqual([
      [['billing', 2]],
      [
        ['billing', 2],
        ['records', 7],
      ],
    ]);
  });

  it('may end in the middle of an update, and does not disturb the others who listen', () => {
    const { acks, add } = createAcks();
    const heard: string[] = [];
    const following = acks.follow(followable(1), () => {
      heard.push('first');
      following.end();
    });
    acks.follow(followable(1), () => heard.push('second'));
    add(recordAt(1, { seq: 1 }), recordAt(2, { seq: 1 }));
    expect(heard).toEqual(['first', 'second', 'second']);
  });

  it('leaves nothing behind', () => {
    const { acks } = createAcks();
    const following = Array.from({ length: 2_000 }, (_, index) =>
      acks.follow(followable(1 + Math.floor(index / 2), { key: 'p-1' }), () => undefined),
    );
    expect(acks.followed).toBe(1_000);
    for (const { end } of following) end();
    for (const { end } of following) end();
    expect(acks.followed).toBe(0);
  });

  it('continues for one who follows again after another ended twice', () => {
    const { follow, add, heard } = createFollowed();
    const first = follow(followable(1));
    first.end();
    follow(followable(1));
    first.end();
    add(recordAt(1));
    expect(heard).toEqual(['1 delivered']);
  });
});

describe('HELD', () => {
  it('is reported at once to one who begins to listen for it, and again only after it has changed', async () => {
    const { follow, gate, heard } = createFollowed();
    await gate('breaker');
    const following = follow(followable(1));
    await gate('breaker');
    expect(heard).toEqual([]);
    following.reportHeld(FRESH);
    await gate('breaker');
    await gate('paused');
    await gate(undefined);
    await gate('paused');
    expect(heard).toEqual([
      '1 held by breaker at billing',
      '1 held by paused at billing',
      '1 held by paused at billing',
    ]);
  });

  it('is reported to each who begins to listen, and to the others not again', async () => {
    const { acks, gate } = createFollowed();
    const heard: string[] = [];
    const listen = (name: string) =>
      acks.follow(followable(1), (update) => heard.push(`${name} ${nameOf(update)}`)).reportHeld(FRESH);
    await gate('paused');
    listen('first');
    listen('second');
    expect(heard).toEqual(['first 1 held by paused at billing', 'second 1 held by paused at billing']);
  });

  it('is not reported of other lanes, while its attempt runs, nor after the terminal ack', async () => {
    const { follow, gate, gates, add, heard } = createFollowed();
    follow(followable(1, { adapters: ['billing', 'records'] })).reportHeld(FRESH);
    await gate('breaker', 'scheduling');
    gates.running.add(1);
    await gate('breaker');
    gates.running.delete(1);
    add(recordAt(1));
    await gate('paused');
    expect(heard).toEqual(['1 delivered']);
    await gate('paused', 'records');
    expect(heard.at(-1)).toBe('1 held by paused at records');
  });

  it('is reported after a failed attempt while the gate is shut, with the counts of that', async () => {
    const { follow, gate, add, heard, updates } = createFollowed();
    follow(followable(1)).reportHeld(FRESH);
    await gate('breaker');
    add(recordAt(1, { seq: 1, state: 'retrying', attempts: 4 }));
    await Promise.resolve();
    expect(heard).toEqual(['1 held by breaker at billing', '1 retrying', '1 held by breaker at billing']);
    expect(updates.at(-1)).toMatchObject({ held: { attempts: 4, cycle: 1, eventId: 'e1', source: 'hms-api' } });
  });

  it('is reported when an earlier delivery of the key waits for its next attempt, followed or not', async () => {
    const { follow, add, heard } = createFollowed();
    follow(followable(5, { key: 'p-1' })).reportHeld(FRESH);
    follow(followable(6, { key: 'p-2' })).reportHeld(FRESH);
    add(
      recordAt(1, { seq: 4, key: 'p-1', state: 'retrying' }),
      recordAt(2, { seq: 3, key: 'p-2', state: 'delivered' }),
    );
    await Promise.resolve();
    add(recordAt(3, { seq: 4, key: 'p-1', state: 'retrying' }));
    await Promise.resolve();
    expect(heard).toEqual(['5 held by key at billing']);
  });

  it('is not reported of what comes before the delivery that waits, nor at other adapters', async () => {
    const { follow, add, heard } = createFollowed();
    follow(followable(3, { key: 'p-1' })).reportHeld(FRESH);
    follow(followable(5, { key: 'p-1', adapters: ['records'] })).reportHeld(FRESH);
    add(recordAt(1, { seq: 4, key: 'p-1', state: 'retrying' }));
    await Promise.resolve();
    expect(heard).toEqual([]);
  });

  it('is reported behind a dead letter only where that holds its key', async () => {
    for (const isHolding of [false, true]) {
      const { follow, add, heard, gates } = createFollowed();
      if (isHolding) gates.holding.add('billing');
      follow(followable(5, { key: 'p-1' })).reportHeld(FRESH);
      add(recordAt(1, { seq: 4, key: 'p-1', state: 'dead_lettered' }));
      await Promise.resolve();
      expect(heard).toEqual(isHolding ? ['5 held by key at billing'] : []);
    }
  });

  it('is over when the delivery that waited is settled', async () => {
    const { follow, add, gate, heard } = createFollowed();
    follow(followable(5, { key: 'p-1' })).reportHeld({ kind: 'new', heldByKey: ['billing'] });
    add(recordAt(1, { seq: 4, key: 'p-1', state: 'delivered' }));
    await gate(undefined);
    await gate('breaker');
    expect(heard).toEqual(['5 held by key at billing', '5 held by breaker at billing']);
  });

  it('knows what was stored: what is settled is not held, what waits behind its key is', () => {
    const { follow, gates, heard } = createFollowed();
    gates.shut.set('billing', 'paused');
    follow(followable(1)).reportHeld(stored({ state: 'dead_lettered' }));
    gates.shut.delete('billing');
    follow(followable(2, { key: 'p-1' })).reportHeld(stored({ isHeldByKey: true, state: 'retrying' }));
    expect(heard).toEqual(['2 held by key at billing']);
  });

  it('takes what was reported over what was read', async () => {
    const { follow, gate, add, heard } = createFollowed();
    const following = follow(followable(1));
    add(recordAt(1));
    following.reportHeld(stored());
    await gate('paused');
    expect(heard).toEqual(['1 delivered']);
  });

  it('is reported of the next cycle after a replay', async () => {
    const { acks, follow, gate, add, updates, heard } = createFollowed();
    follow(followable(1, { adapters: ['billing', 'records'] })).reportHeld(FRESH);
    add(recordAt(1, { state: 'dead_lettered' }));
    await gate('paused');
    acks.committed({ records: [], reopened: [{ adapter: 'billing', seq: 1, behindSeq: undefined }] });
    await Promise.resolve();
    expect(heard).toEqual(['1 dead_lettered', '1 held by paused at billing']);
    expect(updates.at(-1)).toMatchObject({ held: { cycle: 2, attempts: 0 } });
  });

  it('is not reported of a replay that was settled in the same commit', async () => {
    const { acks, follow, gate, add, heard } = createFollowed();
    follow(followable(1)).reportHeld(FRESH);
    add(recordAt(1, { state: 'dead_lettered' }));
    const { attempt: _, ...again } = recordAt(2, { seq: 1, state: 'dead_lettered', cycle: 2 });
    acks.committed({ records: [again], reopened: [{ adapter: 'billing', seq: 1, behindSeq: undefined }] });
    await gate('paused');
    expect(heard).toEqual(['1 dead_lettered', '1 dead_lettered']);
  });
});
