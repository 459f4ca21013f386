import { type Ack, DeliveryState, HeldBy } from '@hms-sync/proto/hms/sync/v1/ack';
import { describe, expect, it } from 'vitest';
import type { DeliveryRecord } from '../../core/delivery.ts';
import type { Positions } from '../../journal/positions.ts';
import { flushed } from '../../journal/suite/place.fixture.ts';
import { RequestError } from '../request-error.ts';
import { openFeed } from './event-feed.fixture.ts';
import { allOf, openTestHub, published, settleTurns } from './hub.fixture.ts';

/** The life of an event at two adapters, as it is recorded. */
const LIFE: readonly Partial<DeliveryRecord>[] = [
  { adapter: 'billing', state: 'retrying', attempts: 1 },
  { adapter: 'records', state: 'retrying', attempts: 1 },
  { adapter: 'billing', state: 'retrying', attempts: 2 },
  { adapter: 'billing', state: 'delivered', attempts: 3 },
  { adapter: 'records', state: 'retrying', attempts: 2 },
  { adapter: 'records', state: 'dead_lettered', attempts: 3 },
];
const CUTS = LIFE.flatMap((_, seen) =>
  [0, 1, 2, 3, 4, 5, 6].filter((onDisk) => onDisk >= seen).map((onDisk) => ({ seen, onDisk })),
);

/** The places that acks carry, as in "billing.2_records.1". */
const places = (acks: readonly Ack[]) => acks.map(({ cursor }) => cursor.slice(9));
const attempts = (acks: readonly Ack[]) => acks.map(({ adapter, attempt }) => `${adapter} ${attempt}`);
const LIFE_ATTEMPTS = LIFE.map(({ adapter, attempts }) => `${adapter} ${attempts}`);

/** The place after the first steps. */
function placeAfter(steps: number): Positions {
  const place = new Map<string, number>();
  for (const { adapter = '' } of LIFE.slice(0, steps)) place.set(adapter, (place.get(adapter) ?? 0) + 1);
  return place;
}
const states = (acks: readonly Ack[]) => acks.map(({ adapter, state }) => `${adapter} ${DeliveryState[state]}`);

describe('history and what comes', () => {
  it.each(CUTS)('are sent without gap or repeat after $seen seen and $onDisk on disk', async ({ seen, onDisk }) => {
    const { read, record, journal, cursors } = await openFeed();
    for (const step of LIFE.slice(0, onDisk)) record(step);
    await flushed(journal);
    const received = allOf(read({ after: placeAfter(seen) }));
    // The next ones are written while the history is being read, the others one by one afterwards.
    for (const step of LIFE.slice(onDisk, onDisk + 2)) record(step);
    for (const step of LIFE.slice(onDisk + 2)) {
      await settleTurns();
      record(step);
    }
    const acks = (await received).flat();
    expect(attempts(acks)).toEqual(LIFE_ATTEMPTS.slice(seen));
    // Whoever resumes after any of them gets the others.
    for (const [index, { cursor }] of acks.entries()) {
      const rest = (await allOf(read({ after: cursors.decode(cursor, 'cursor') }))).flat();
      expect(attempts(rest)).toEqual(LIFE_ATTEMPTS.slice(seen + index + 1));
    }
  });

  it('are sent to a caller who asks for the first ack only after everything is recorded', async () => {
    const { read, record, journal } = await openFeed();
    const reading = read({ heldByKey: [] });
    for (const step of LIFE) record(step);
    await flushed(journal);
    expect(attempts((await allOf(reading)).flat())).toEqual(LIFE_ATTEMPTS);
  });

  it('are not kept for a caller who goes before asking for the first ack', async () => {
    const { read, acks, abort } = await openFeed();
    read({ heldByKey: [] });
    expect(acks.listening).toBe(1);
    abort.abort();
    expect(acks.listening).toBe(0);
  });

  it('are sent in messages that a client can accept, however much there is', async () => {
    const adapters = Array.from({ length: 300 }, (_, index) => `a-${String(index).padStart(3, '0')}`);
    const { read, record, journal } = await openFeed({ adapters });
    for (const adapter of adapters) record({ adapter, state: 'delivered' });
    await flushed(journal);
    const received = await allOf(read());
    expect(received.map((acks) => acks.length)).toEqual([256, 44]);
    expect(received.flat().map(({ adapter }) => adapter)).toEqual(adapters);
  });

  it('are the newest of a delivery that was attempted through a long outage, to its end', async () => {
    const { read, record, journal } = await openFeed({ adapters: ['billing'] });
    for (let attempts = 1; attempts <= 600; attempts += 1) record({ state: 'retrying', attempts });
    record({ state: 'delivered', attempts: 601 });
    await flushed(journal);
    const received = (await allOf(read())).flat();
    expect(received.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 256 }, (_, index) => 346 + index));
    expect(received.at(-1)?.state).toBe(DeliveryState.DELIVERED);
  });

  it('end at once when everything was seen', async () => {
    const { read, record, acks, journal } = await openFeed();
    for (const step of LIFE) record(step);
    await flushed(journal);
    expect(await allOf(read({ after: placeAfter(6) }))).toEqual([]);
    expect(acks.listening).toBe(0);
  });

  it('end with the first attempt of each adapter when that is what is waited for', async () => {
    const { read, record } = await openFeed();
    record({ adapter: 'billing', state: 'retrying' });
    record({ adapter: 'billing', state: 'delivered' });
    const received = allOf(read({ until: 'first_attempt' }));
    await settleTurns();
    record({ adapter: 'records', state: 'retrying' });
    expect(places((await received).flat())).toEqual(['billing.1', 'billing.2', 'billing.2_records.1']);
  });

  it('are sent of several events in the order in which they were recorded', async () => {
    const { read, record, accept, event } = await openFeed({ adapters: ['billing'] });
    const other = await accept('event-2', '');
    const second = { seq: other.seq, eventId: 'event-2', key: '' };
    record({ ...second, state: 'retrying' });
    record({ state: 'delivered' });
    const received = allOf(read({ events: [event, other] }));
    await settleTurns();
    record({ ...second, state: 'delivered' });
    expect((await received).flat().map(({ eventId }) => eventId)).toEqual(['event-2', 'event-1', 'event-2']);
  });
});

describe('HELD', () => {
  it('is sent for what is held now, before anybody listened', async () => {
    const { read, record, held } = await openFeed();
    held.set('billing', 'breaker');
    record({ adapter: 'billing', state: 'retrying', attempts: 4 });
    const feed = read();
    expect(states((await feed.next()).value ?? [])).toEqual(['billing RETRYING']);
    const second = (await feed.next()).value ?? [];
    expect(second).toMatchObject([{ adapter: 'billing', heldBy: HeldBy.BREAKER, attempt: 4, cycle: 1 }]);
    expect(places(second)).toEqual(['billing.1']);
    await feed.return();
  });

  it('that was over before the history was read is not sent after what ended it', async () => {
    const { read, record, hold, journal } = await openFeed();
    journal.control.hold();
    record({ adapter: 'billing', state: 'delivered' });
    const received = allOf(read());
    await hold('billing', 'breaker');
    journal.control.release();
    await settleTurns();
    record({ adapter: 'records', state: 'delivered' });
    expect(states((await received).flat())).toEqual(['billing DELIVERED', 'records DELIVERED']);
  });

  it('carries a place from which nothing that follows it is lost, however late it is read', async () => {
    const { read, record, hold, journal } = await openFeed();
    const feed = read();
    record({ adapter: 'records', state: 'retrying' });
    await flushed(journal);
    await feed.next();
    const waiting = feed.next();
    await settleTurns();
    await hold('billing', 'breaker');
    const [held] = (await waiting).value ?? [];
    await hold('billing', 'paused');
    record({ adapter: 'billing', state: 'delivered' });
    await flushed(journal);
    const both = (await feed.next()).value ?? [];
    expect(states(both)).toEqual(['billing HELD', 'billing DELIVERED']);
    // Resuming after either HELD sends DELIVERED.
    const found = [...places(held === undefined ? [] : [held]), ...places(both)];
    expect(found).toEqual(['records.1', 'records.1', 'billing.1_records.1']);
    await feed.return();
  });

  it('is sent once, whoever noticed it first', async () => {
    const { read, record, hold } = await openFeed({ adapters: ['billing'] });
    await hold('billing', 'paused');
    const received = allOf(read());
    await hold('billing', 'paused');
    await settleTurns();
    await hold('billing', 'paused');
    record({ adapter: 'billing', state: 'delivered' });
    expect(states((await received).flat())).toEqual(['billing HELD', 'billing DELIVERED']);
  });

  it('is sent for what waits behind its key, once', async () => {
    const { read, record, accept } = await openFeed();
    record({ adapter: 'billing', state: 'retrying' });
    record({ adapter: 'records', state: 'retrying' });
    const second = await accept('event-2', 'process-7');
    const feed = read({ events: [second], until: 'first_attempt' });
    expect(states((await feed.next()).value ?? [])).toEqual(['billing HELD', 'records HELD']);
    record({ adapter: 'billing', state: 'delivered' });
    record({ adapter: 'billing', ...second, eventId: second.id, state: 'retrying' });
    record({ adapter: 'records', state: 'retrying' });
    expect(states((await feed.next()).value ?? [])).toEqual(['billing RETRYING']);
    await feed.return();
  });

  it('is reported by a lane whose adapter has not started, and what follows when it has', async () => {
    const hub = await openTestHub({ starts: false });
    const acceptance = await hub.intake.accept(published({ id: 'event-1' }));
    const feed = hub.publishing.follow(acceptance, { until: 'settled', signal: new AbortController().signal });
    expect((await feed.next()).value).toMatchObject([{ state: DeliveryState.HELD, heldBy: HeldBy.NOT_READY }]);
    await hub.lanes.start();
    expect((await allOf(feed)).flat()).toMatchObject([{ state: DeliveryState.DELIVERED, receipt: 'ok' }]);
    expect(hub.acks.listening).toBe(0);
  });
});

describe('a reader that does not read', () => {
  it('is ended with a cursor from which it resumes without gap or repeat', async () => {
    const { read, record, acks, journal, cursors } = await openFeed({ adapters: ['billing'] });
    const slow = read();
    const seen: Ack[] = [];
    record({ state: 'retrying' });
    seen.push(...((await slow.next()).value ?? []));
    for (let attempts = 2; attempts <= 300; attempts += 1) record({ state: 'retrying', attempts });
    // Begun before, so that the feed waits while they are reported.
    const next = slow.next();
    await flushed(journal);
    seen.push(...((await next).value ?? []));
    const rejection = await allOf(slow).then(
      (batches) => void seen.push(...batches.flat()),
      (error: unknown) => error,
    );
    if (!(rejection instanceof RequestError)) throw new Error('not refused');
    expect(rejection.reason).toBe('READER_TOO_SLOW');
    expect(seen.length).toBeGreaterThanOrEqual(257);
    expect(acks.listening).toBe(0);

    record({ state: 'delivered' });
    const after = cursors.decode(rejection.metadata.cursor ?? '', 'cursor');
    const rest = (await allOf(read({ after }))).flat();
    expect(places([...seen, ...rest])).toEqual(Array.from({ length: 301 }, (_, index) => `billing.${index + 1}`));
  });
});

describe('a caller who goes', () => {
  it('leaves no listener behind while it waits', async () => {
    const { read, abort, acks } = await openFeed();
    const next = read().next();
    await settleTurns();
    expect(acks.listening).toBe(1);
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(acks.listening).toBe(0);
  });

  it('leaves none behind while the history is read', async () => {
    const { read, abort, acks } = await openFeed();
    const received = allOf(read());
    abort.abort();
    expect(await received).toEqual([]);
    expect(acks.listening).toBe(0);
  });

  it('leaves none behind between two messages', async () => {
    const { read, record, acks } = await openFeed();
    record({ adapter: 'billing', state: 'retrying' });
    const feed = read();
    await feed.next();
    expect(acks.listening).toBe(1);
    await feed.return();
    expect(acks.listening).toBe(0);
  });

  it('leaves none behind when the journal cannot be read', async () => {
    const { read, acks, journal } = await openFeed();
    await journal.close();
    await expect(allOf(read())).rejects.toThrow();
    expect(acks.listening).toBe(0);
  });
});

it('ends at once for an event that goes nowhere', async () => {
  const { read } = await openFeed({ adapters: [] });
  expect(await allOf(read())).toEqual([]);
});
