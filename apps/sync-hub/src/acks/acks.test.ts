import { getEventListeners } from 'node:events';
import { array, assert, asyncProperty, constantFrom, integer, record, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordedDelivery } from '../core/delivery.ts';
import type { Positions } from '../journal/positions.ts';
import { recordAt } from '../journal/suite/samples.fixture.ts';
import { createAcks, followable } from './acks.fixture.ts';
import type { Acks } from './acks.ts';
import type { DeliveryUpdate } from './delivery-update.ts';

const ADAPTERS = ['billing', 'records', 'scheduling'];
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, index) => from + index);
const billingAt = (position: number): Positions => new Map([['billing', position]]);
const nameOf = ({ adapter, position }: RecordedDelivery) => `${adapter}.${position}`;
const names = (...positions: readonly number[]) => positions.map((position) => `billing.${position}`);

/** An update by its name, with the place that it carries. */
const toItem = (update: DeliveryUpdate, place: Positions) => ({
  name: update.kind === 'recorded' ? nameOf(update.record) : `held ${update.held.seq}`,
  place: new Map(place),
});

/** Reads until this many were read. */
async function read(acks: Acks, { after, count }: { after: Positions; count: number }) {
  const stop = new AbortController();
  const items: ReturnType<typeof toItem>[] = [];
  for await (const page of acks.tail(after, stop.signal, toItem)) {
    items.push(...page);
    if (items.length >= count) stop.abort();
  }
  return items;
}

const readNames = async (acks: Acks, request: { after: Positions; count: number }) =>
  (await read(acks, request)).map(({ name }) => name);

describe('a tail', () => {
  it('goes from the journal to the newest without a gap or a repeat, while records are added', async () => {
    const { acks, add, reads } = createAcks({ before: upTo(1_000).map((position) => recordAt(position)) });
    const reading = readNames(acks, { after: new Map(), count: 3_000 });
    for (let position = 1_001; position <= 3_000; position += 1) {
      add(recordAt(position));
      if (position % 7 === 0) await Promise.resolve();
    }
    expect(await reading).toEqual(names(...upTo(3_000)));
    expect(reads.length).toBeGreaterThan(0);
  });

  it('keeps the order of each lane for any commits of some lanes and any places to begin; each place resumes', async () => {
    const step = tuple(constantFrom(...ADAPTERS), integer({ min: 1, max: 3 }));
    const commits = array(array(step, { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 40 });
    const places = {
      before: integer({ min: 0, max: 60 }),
      seen: array(integer({ min: 0, max: 100 }), { minLength: 3, maxLength: 3 }),
      resume: integer({ min: 0, max: 400 }),
    };
    await assert(
      asyncProperty(commits, record(places), async (steps, { before, seen, resume }) => {
        const newest = new Map<string, number>();
        const next = ([adapter, gap]: [string, number]) => {
          const position = (newest.get(adapter) ?? 0) + gap;
          newest.set(adapter, position);
          return recordAt(position, { adapter });
        };
        const stored = upTo(before).map((count) => next([ADAPTERS[count % 3] ?? '', 1 + (count % 2)]));
        const { acks, add } = createAcks({ before: stored });
        const after = new Map(
          [...newest].map(([adapter, position], index) => [adapter, Math.min(position, seen[index] ?? 0)]),
        );
        const batches = steps.map((commit) => commit.map(next));
        const all = [...stored, ...batches.flat()];
        const expected = all.filter(({ adapter, position }) => position > (after.get(adapter) ?? 0)).map(nameOf);
        if (expected.length === 0) return;
        const reading = read(acks, { after, count: expected.length });
        for (const batch of batches) {
          add(...batch);
          await new Promise(setImmediate);
        }
        const items = await reading;
        expect(items.map(({ name }) => name).toSorted()).toEqual(expected.toSorted());
        for (const adapter of ADAPTERS) {
          const positions = items.map(({ name }) => name.split('.')).filter(([name]) => name === adapter);
          expect(positions).toEqual(positions.toSorted(([, a], [, b]) => Number(a) - Number(b)));
        }
        const from = items[resume % items.length];
        const rest = items.slice((resume % items.length) + 1).map(({ name }) => name);
        if (from === undefined || rest.length === 0) return;
        expect((await readNames(acks, { after: from.place, count: rest.length })).toSorted()).toEqual(rest.toSorted());
      }),
      { numRuns: 60 },
    );
  });

  it('reads from the journal what memory no longer has', async () => {
    const { acks, add } = createAcks();
    for (let position = 1; position <= 40_000; position += 1_000)
      add(...upTo(1_000, position).map((one) => recordAt(one)));
    expect(await readNames(acks, { after: billingAt(5), count: 39_995 })).toEqual(names(...upTo(39_995, 6)));
  });

  it('goes past what was deleted after its time', async () => {
    const { acks, add, stored } = createAcks({ before: upTo(10).map((position) => recordAt(position)) });
    stored.length = 0;
    const reading = readNames(acks, { after: billingAt(3), count: 1 });
    await new Promise(setImmediate);
    add(recordAt(11));
    expect(await reading).toEqual(names(11));
  });

  it('does not read the disk for those who keep up', async () => {
    const { acks, add, reads } = createAcks({ before: [recordAt(10)] });
    const reading = readNames(acks, { after: billingAt(10), count: 2 });
    add(recordAt(11), recordAt(12));
    await reading;
    expect(reads).toEqual([]);
  });

  it('keeps nothing in memory for nobody: who comes later reads the journal', async () => {
    const { acks, add, reads } = createAcks();
    add(recordAt(1), recordAt(2));
    expect(await readNames(acks, { after: new Map(), count: 2 })).toEqual(names(1, 2));
    expect(reads).toHaveLength(1);
    expect(acks.place).toEqual(billingAt(2));
  });

  it.for([
    ['memory', { before: 0, added: 1_000 }],
    ['the journal', { before: 1_000, added: 0 }],
  ] as const)('gives messages of a bounded size, however much there is in %s', async ([, { before, added }]) => {
    const { acks, add } = createAcks({ before: upTo(before).map((position) => recordAt(position)) });
    if (added > 0) add(...upTo(added).map((position) => recordAt(position)));
    const stop = new AbortController();
    const sizes: number[] = [];
    for await (const items of acks.tail(new Map(), stop.signal, toItem)) {
      sizes.push(items.length);
      if (sizes.reduce((sum, size) => sum + size) === 1_000) stop.abort();
    }
    // A reader whose connection is cut again and again has to get one whole message to come further.
    expect(Math.max(...sizes)).toBe(32);
    expect(sizes.length).toBeLessThanOrEqual(1_000 / 32 + 1);
  });

  it('ends when it is aborted while it waits, and leaves nothing on the signal', async () => {
    const { acks, add } = createAcks();
    const stop = new AbortController();
    const tail = acks.tail(new Map(), stop.signal, toItem);
    const first = tail.next();
    add(recordAt(1));
    await first;
    const second = tail.next();
    await new Promise(setImmediate);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1);
    stop.abort();
    expect(await second).toEqual({ done: true, value: undefined });
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });

  it('reports HELD of followed events as it happens, after everything that is on record, and drops what is not read', async () => {
    const { acks, add, gates } = createAcks({ before: [recordAt(1), recordAt(2)] });
    const tail = acks.tail(new Map(), new AbortController().signal, toItem);
    const first = tail.next();
    for (const seq of upTo(300, 11))
      acks.follow(followable(seq), () => undefined).reportHeld({ kind: 'new', heldByKey: [] });
    gates.shut.set('billing', 'breaker');
    acks.gateChanged('billing');
    await Promise.resolve();
    add(recordAt(3));
    const namesOf = ({ value }: Awaited<ReturnType<typeof tail.next>>) => (value ?? []).map(({ name }) => name);
    expect(namesOf(await first)).toEqual(names(1, 2));
    expect(namesOf(await tail.next())).toEqual(names(3));
    expect(namesOf(await tail.next())).toEqual(upTo(256, 11).map((seq) => `held ${seq}`));
    const next = tail.next();
    acks.follow(followable(400), () => undefined).reportHeld({ kind: 'new', heldByKey: [] });
    const { value } = await next;
    expect(value).toEqual([{ name: 'held 400', place: billingAt(3) }]);
    await tail.return();
  });

  it('does not report that a delivery is held once its next record was reported', async () => {
    const { acks, add, gates } = createAcks({ before: [recordAt(1)] });
    const tail = acks.tail(new Map(), new AbortController().signal, toItem);
    const first = tail.next();
    gates.shut.set('billing', 'paused');
    for (const seq of [8, 9]) acks.follow(followable(seq), () => undefined).reportHeld({ kind: 'new', heldByKey: [] });
    await first;
    add(recordAt(2, { seq: 8 }));
    expect((await tail.next()).value).toMatchObject([{ name: 'billing.2' }]);
    expect((await tail.next()).value).toMatchObject([{ name: 'held 9' }]);
    await tail.return();
  });

  it('does not begin when it was aborted before', async () => {
    const { acks, reads } = createAcks({ before: [recordAt(3)] });
    const tail = acks.tail(new Map(), AbortSignal.abort(), toItem);
    expect(await tail.next()).toEqual({ done: true, value: undefined });
    expect(reads).toEqual([]);
  });

  it('accepts a commit of any size', () => {
    const { acks } = createAcks();
    const records = upTo(200_000).map((position) => recordAt(position));
    expect(() => acks.committed({ records, reopened: [] })).not.toThrow();
    expect(acks.place).toEqual(billingAt(200_000));
  });
});
