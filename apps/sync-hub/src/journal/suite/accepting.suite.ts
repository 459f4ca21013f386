import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AcceptRequest, Commit } from '../journal.ts';
import { type CreatePlace, OTHER_CONTENT, useJournal, usePlace } from './place.fixture.ts';
import { newEvent, retrying, sampleAccept, sampleEvent, sampleRecord } from './samples.fixture.ts';

export function acceptingSuite(createPlace: CreatePlace): void {
  it('gives a new event its place, and reports it once with all that was said', async () => {
    const session = await useJournal(createPlace);
    const result = await session.accept(sampleEvent('a'), { to: ['scheduling', 'billing', 'records'] });
    const adapters = ['billing', 'records', 'scheduling'];
    const event = {
      ...sampleEvent('a'),
      seq: 1,
      acceptedAtMs: 1_790_000_000_500,
      publishedBy: 'token hms-api',
      adapters,
    };
    expect(result).toEqual({ kind: 'accepted', event, heldByKey: [] });
    expect(session.events).toEqual([event]);
  });

  it('takes requests in their order, and reports a commit before its promises resolve', async () => {
    const session = await useJournal(createPlace);
    const ids = Array.from({ length: 200 }, (_, number) => `event-${number}`);
    const resolved: string[] = [];
    const results = await Promise.all(
      ids.map(async (id) => {
        const result = await session.accept(sampleEvent(id));
        expect(session.events.map((event) => event.id)).toContain(id);
        resolved.push(id);
        return result;
      }),
    );
    expect(results.map((result) => newEvent(result).id)).toEqual(ids);
    const seqs = results.map((result) => newEvent(result).seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((left, right) => left - right));
    expect(session.events.map(({ id }) => id)).toEqual(ids);
    expect(resolved).toEqual(ids);
  });

  it('makes a delivery for each adapter that receives events then, and none when none does', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const accepts = [
      session.accept(sampleEvent('a'), { to: ['records', 'billing', 'records'] }),
      session.accept(sampleEvent('b'), { to: [] }),
      session.accept(sampleEvent('c', { key: '' }), { to: ['scheduling'] }),
    ];
    const adapters = (await Promise.all(accepts)).map((result) => newEvent(result).adapters);
    expect(adapters).toEqual([['billing', 'records'], [], ['scheduling']]);
    const counts = { cycle: 1, attempts: 0, spent: 0, crashes: 0 };
    const untouched = { state: 'waiting', ...counts, isHeldByKey: false, records: [], hasOlderRecords: false };
    expect((await session.readEvent('a'))?.deliveries).toEqual([
      { adapter: 'billing', ...untouched },
      { adapter: 'records', ...untouched },
    ]);
    const stored = await session.readEvent('b');
    expect(stored?.event.adapters).toEqual([]);
    expect(stored?.deliveries).toEqual([]);
    expect(await journal.accept(sampleAccept(sampleEvent('d')))).toMatchObject({ event: { adapters: ['scheduling'] } });
  });

  it('knows who receives events after it was opened again', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    await journal.setReceivers(['records', 'billing']);
    await journal.close();
    const { journal: reopened } = await open();
    const result = await reopened.accept(sampleAccept(sampleEvent('a')));
    expect(newEvent(result).adapters).toEqual(['billing', 'records']);
    expect(await reopened.readEvent({ id: 'a' })).toMatchObject({ event: { adapters: ['billing', 'records'] } });
  });

  it('answers the same content with the first event and where its records begin, and does not report it again', async () => {
    const session = await useJournal(createPlace);
    const before = await session.acceptNew(sampleEvent('before', { key: 'other' }));
    void session.record(sampleRecord(before));
    const first = await session.acceptNew(sampleEvent('a'));
    void session.record(retrying(first));
    void session.record(sampleRecord(first, { attempts: 2 }));
    const second = await session.accept(sampleEvent('a'), { to: ['scheduling'], acceptedAtMs: 1_799_000_000_000 });
    const places = new Map([
      ['billing', 1],
      ['records', 0],
    ]);
    expect(second).toEqual({ kind: 'duplicate', event: first, before: places });
    expect(session.events.map(({ id }) => id)).toEqual(['before', 'a']);
    expect((await session.readEvent('a'))?.deliveries).toHaveLength(2);
  });

  it('answers other content under a known identity with a conflict, and changes nothing', async () => {
    const session = await useJournal(createPlace);
    await session.accept(sampleEvent('a'));
    const before = await session.readEvent('a');
    expect(await session.accept(sampleEvent('a', { type: 'PolicyUpdated' }), OTHER_CONTENT)).toEqual({
      kind: 'conflict',
    });
    expect(await session.readEvent('a')).toEqual(before);
    expect(session.events).toHaveLength(1);
  });

  it('knows events by source and id together: no publisher can take the id of another', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    const accept = (source: string) => session.acceptNew(sampleEvent('a', { source }), OTHER_CONTENT);
    const [second, first, nobody] = await Promise.all([accept('urn:b'), accept('urn:a'), accept('')]);
    expect(await session.accept(sampleEvent('a', { source: 'urn:a' }), OTHER_CONTENT)).toMatchObject({
      kind: 'duplicate',
    });
    expect(await session.accept(sampleEvent('a', { source: 'urn:a' }))).toEqual({ kind: 'conflict' });
    expect(await journal.readEvent({ id: 'a', source: 'urn:a' })).toMatchObject({ kind: 'found', event: first });
    expect(await journal.readEvent({ id: 'a', source: '' })).toMatchObject({ kind: 'found', event: nobody });
    expect(await journal.readEvent({ id: 'a', source: 'urn:c' })).toEqual({ kind: 'unknown' });
    expect(await journal.readEvent({ id: 'a' })).toEqual({ kind: 'ambiguous', sources: ['', 'urn:a', 'urn:b'] });
    void session.record(sampleRecord(second, { adapter: 'records' }));
    const { records } = await journal.readRecords({ after: new Map(), limit: 9 });
    expect(records).toMatchObject([{ eventId: 'a', source: 'urn:b' }]);
    const page = await journal.listDeliveries({ filter: { sources: ['', 'urn:b'], adapters: ['billing'] }, limit: 9 });
    expect(page.deliveries.map(({ source }) => source)).toEqual(['', 'urn:b']);
  });

  it('names at most 16 sources of an id', async () => {
    const session = await useJournal(createPlace);
    const sources = Array.from({ length: 18 }, (_, number) => `urn:${10 + number}`);
    await Promise.all(sources.map((source) => session.accept(sampleEvent('a', { source }))));
    expect(await session.journal.readEvent({ id: 'a' })).toEqual({ kind: 'ambiguous', sources: sources.slice(0, 16) });
  });

  it('distinguishes duplicates and conflicts within one commit too', async () => {
    const session = await useJournal(createPlace);
    const results = await Promise.all([
      session.accept(sampleEvent('a')),
      session.accept(sampleEvent('a'), OTHER_CONTENT),
      session.accept(sampleEvent('a')),
      session.accept(sampleEvent('b')),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['accepted', 'conflict', 'duplicate', 'accepted']);
    expect(session.events.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('knows duplicates and conflicts after it was opened again', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const event = await session.acceptNew(sampleEvent('a'));
    await session.journal.close();
    const again = await open();
    expect(await again.accept(sampleEvent('a'))).toMatchObject({ kind: 'duplicate', event });
    expect(await again.accept(sampleEvent('a'), OTHER_CONTENT)).toEqual({ kind: 'conflict' });
    expect((await again.acceptNew(sampleEvent('b'))).seq).toBeGreaterThan(event.seq);
    expect(again.events.map(({ id }) => id)).toEqual(['b']);
  });

  it('refuses new events when there is no room, while it knows the old ones and accepts records', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const event = await session.acceptNew(sampleEvent('a'));
    await session.journal.close();
    const full = await open({ isFull: true });
    expect(await full.accept(sampleEvent('b'))).toEqual({
      kind: 'full',
      freeBytes: expect.any(Number),
      reserveBytes: expect.any(Number),
    });
    expect(await full.readEvent('b')).toBeUndefined();
    expect((await full.accept(sampleEvent('a'))).kind).toBe('duplicate');
    expect((await full.accept(sampleEvent('a'), OTHER_CONTENT)).kind).toBe('conflict');
    void full.record(retrying(event));
    expect((await full.journal.readRecords({ after: new Map(), limit: 9 })).records).toHaveLength(1);
    expect(full.records).toHaveLength(1);
    expect(full.ended).toEqual([]);
  });

  it('says at which adapters an earlier delivery of its key waits', async () => {
    const session = await useJournal(createPlace);
    await session.openLane('scheduling', { onDeadLetter: 'hold' });
    const to = ['billing', 'records', 'scheduling'];
    const first = await session.acceptNew(sampleEvent('first'), { to });
    expect(await session.accept(sampleEvent('second'), { to })).toMatchObject({ heldByKey: [] });
    void session.record(retrying(first));
    void session.record(sampleRecord(first, { adapter: 'records', state: 'dead_lettered' }));
    void session.record(sampleRecord(first, { adapter: 'scheduling', state: 'dead_lettered' }));
    expect(await session.accept(sampleEvent('third'), { to })).toMatchObject({ heldByKey: ['billing', 'scheduling'] });
    expect(await session.accept(sampleEvent('other', { key: 'other' }), { to })).toMatchObject({ heldByKey: [] });
    const held = (await session.readEvent('third'))?.deliveries.map(({ isHeldByKey }) => isHeldByKey);
    expect(held).toEqual([true, false, true]);
    const { deliveries } = await session.journal.listDeliveries({
      filter: { eventIds: ['second', 'third'] },
      limit: 9,
    });
    expect(deliveries.map(({ isHeldByKey }) => isHeldByKey)).toEqual([true, false, true, true, false, true]);
  });

  it('gives back any event as it was said', async () => {
    await fc.assert(
      fc.asyncProperty(anyAccepts, anyReceivers, async (requests, receivers) => {
        const place = await createPlace();
        const journal = await place.open(false);
        const commits: Commit[] = [];
        journal.subscribe({ committed: (commit) => void commits.push(commit), ended() {} });
        void journal.setReceivers(receivers);
        const results = await Promise.all(requests.map((request) => journal.accept(request)));
        await journal.close();
        const reopened = await place.open(false);
        const stored = await Promise.all(requests.map(({ event }) => reopened.readEvent(event)));
        await reopened.close();
        await place.remove();
        const bytes = (event: { data: Uint8Array }) => Buffer.from(event.data).toString('hex');
        for (const [index, { event, acceptedAtMs, publishedBy }] of requests.entries()) {
          const { seq } = newEvent(results[index] ?? { kind: 'conflict' });
          const { data: _, ...said } = event;
          const found = stored[index];
          if (found?.kind !== 'found') throw new Error(`${event.id} is not found`);
          expect(found.event).toMatchObject({ ...said, acceptedAtMs, publishedBy, adapters: receivers, seq });
          expect(bytes(found.event)).toBe(bytes(event));
        }
      }),
      { numRuns: 2, endOnFailure: true },
    );
  });
}

const anyText = fc.string({ unit: 'binary', maxLength: 40 });

/** Payloads are views of a larger buffer, as they are when they come from the network. */
const anyPayload = fc
  .tuple(fc.uint8Array({ maxLength: 2_000 }), fc.nat(16))
  .map(([bytes, offset]) => bytes.subarray(Math.min(offset, bytes.byteLength)));

const anyAccept: fc.Arbitrary<AcceptRequest> = fc.record({
  event: fc.record({
    id: fc.stringMatching(/^[!-~]{1,128}$/),
    source: anyText,
    type: anyText,
    key: anyText,
    // From the year 1 to 9999, with fractions.
    timeMs: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }).map((ms) => ms / 4),
    data: anyPayload,
    dataContentType: anyText,
    attributes: fc.dictionary(fc.stringMatching(/^[a-z]{1,20}$/), anyText, { noNullPrototype: true }),
  }),
  contentHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  publishedBy: anyText,
  acceptedAtMs: fc.nat(),
  nowMs: fc.nat(),
});

const anyReceivers = fc.subarray(['billing', 'records', 'scheduling']);

/** Many at a time, since opening a journal costs more than accepting them. */
const anyAccepts = fc.uniqueArray(anyAccept, { minLength: 50, maxLength: 100, selector: ({ event }) => event.id });
