import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AcceptRequest } from '../journal.ts';
import { type CreatePlace, toldEvents, useJournal, usePlace } from './place.suite.ts';
import { acceptNew, newEvent, retrying, sampleAccept, sampleEvent, sampleRecord } from './samples.suite.ts';

export function acceptingSuite(createPlace: CreatePlace): void {
  it('gives a new event its place, and tells it once with all that was said', async () => {
    const { journal, told } = await useJournal(createPlace);
    const request = sampleAccept(sampleEvent('a'), { adapters: ['billing', 'records', 'scheduling'] });
    const result = await journal.accept(request);
    const { acceptedAtMs, adapters } = request;
    const event = { ...request.event, seq: 1, acceptedAtMs, adapters };
    expect(result).toEqual({ kind: 'accepted', event, lastCursor: 0 });
    expect(told).toEqual([{ kind: 'accepted', events: [event] }]);
  });

  it('takes requests in their order, and tells of a commit before its promises resolve', async () => {
    const { journal, told } = await useJournal(createPlace);
    const ids = Array.from({ length: 200 }, (_, number) => `event-${number}`);
    const results = await Promise.all(
      ids.map(async (id) => {
        const result = await journal.accept(sampleAccept(sampleEvent(id)));
        told.push({ kind: 'resolved', id });
        return result;
      }),
    );
    expect(results.map((result) => newEvent(result).id)).toEqual(ids);
    const seqs = results.map((result) => newEvent(result).seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((left, right) => left - right));
    expect(toldEvents(told).map(({ id }) => id)).toEqual(ids);
    expect(told.flatMap((entry) => (entry.kind === 'resolved' ? entry.id : []))).toEqual(ids);
    const known = new Set<string>();
    for (const entry of told) {
      if (entry.kind === 'accepted') for (const { id } of entry.events) known.add(id);
      if (entry.kind === 'resolved') expect(known).toContain(entry.id);
    }
  });

  it('makes a delivery for each adapter, and none when there is none', async () => {
    const { journal } = await useJournal(createPlace);
    await journal.accept(sampleAccept(sampleEvent('a'), { adapters: ['billing', 'records'] }));
    await journal.accept(sampleAccept(sampleEvent('b'), { adapters: [] }));
    const counts = { cycle: 1, attempts: 0, spent: 0, crashes: 0 };
    const untouched = { state: 'waiting', ...counts, records: [], hasOlderRecords: false };
    expect((await journal.readEvent('a'))?.deliveries).toEqual([
      { adapter: 'billing', ...untouched },
      { adapter: 'records', ...untouched },
    ]);
    const stored = await journal.readEvent('b');
    expect(stored?.event.adapters).toEqual([]);
    expect(stored?.deliveries).toEqual([]);
  });

  it('answers the same content with the first event, and does not tell it again', async () => {
    const { journal, told } = await useJournal(createPlace);
    const before = await acceptNew(journal, sampleAccept(sampleEvent('before')));
    journal.record(sampleRecord(before));
    const first = await journal.accept(sampleAccept(sampleEvent('a')));
    journal.record(sampleRecord(newEvent(first)));
    const later = { ...sampleAccept(sampleEvent('a'), { adapters: ['scheduling'] }), acceptedAtMs: 1_799_000_000_000 };
    const second = await journal.accept(later);
    expect(second).toEqual({ ...first, kind: 'duplicate' });
    expect(toldEvents(told).map(({ id }) => id)).toEqual(['before', 'a']);
    expect((await journal.readEvent('a'))?.deliveries).toHaveLength(2);
  });

  it('answers other content under a known id with a conflict, and changes nothing', async () => {
    const { journal, told } = await useJournal(createPlace);
    await journal.accept(sampleAccept(sampleEvent('a')));
    const before = await journal.readEvent('a');
    const changed = sampleAccept(sampleEvent('a', { type: 'PolicyUpdated' }), { content: 'other' });
    expect(await journal.accept(changed)).toEqual({ kind: 'conflict' });
    expect(await journal.readEvent('a')).toEqual(before);
    expect(toldEvents(told)).toHaveLength(1);
  });

  it('tells duplicates and conflicts apart within one commit too', async () => {
    const { journal, told } = await useJournal(createPlace);
    const results = await Promise.all([
      journal.accept(sampleAccept(sampleEvent('a'))),
      journal.accept(sampleAccept(sampleEvent('a'), { content: 'other' })),
      journal.accept(sampleAccept(sampleEvent('a'))),
      journal.accept(sampleAccept(sampleEvent('b'))),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['accepted', 'conflict', 'duplicate', 'accepted']);
    expect(toldEvents(told).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('knows duplicates and conflicts after it was opened again', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const first = await journal.accept(sampleAccept(sampleEvent('a')));
    await journal.close();
    const { journal: reopened, told } = await open();
    expect(await reopened.accept(sampleAccept(sampleEvent('a')))).toEqual({ ...first, kind: 'duplicate' });
    expect(await reopened.accept(sampleAccept(sampleEvent('a'), { content: 'other' }))).toEqual({ kind: 'conflict' });
    expect(newEvent(await reopened.accept(sampleAccept(sampleEvent('b')))).seq).toBeGreaterThan(newEvent(first).seq);
    expect(toldEvents(told).map(({ id }) => id)).toEqual(['b']);
  });

  it('refuses new events when there is no room, while it knows the old ones and takes records', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    await journal.close();
    const { journal: full, told, fatal } = await open({ isFull: true });
    expect(await full.accept(sampleAccept(sampleEvent('b')))).toEqual({
      kind: 'full',
      freeBytes: expect.any(Number),
      reserveBytes: expect.any(Number),
    });
    expect(await full.readEvent('b')).toBeUndefined();
    expect((await full.accept(sampleAccept(sampleEvent('a')))).kind).toBe('duplicate');
    expect((await full.accept(sampleAccept(sampleEvent('a'), { content: 'other' }))).kind).toBe('conflict');
    full.record(retrying(event));
    expect((await full.readRecords({ afterCursor: 0, limit: 9 })).records).toHaveLength(1);
    expect(told.map(({ kind }) => kind)).toEqual(['recorded']);
    expect(fatal).toEqual([]);
  });

  it('gives back any event as it was said', async () => {
    await fc.assert(
      fc.asyncProperty(anyAccepts, async (requests) => {
        const place = await createPlace();
        const silent = { observer: { accepted() {}, recorded() {}, reopened() {} }, onFatal() {}, isFull: false };
        const journal = await place.open(silent);
        const results = await Promise.all(requests.map((request) => journal.accept(request)));
        await journal.close();
        const reopened = await place.open(silent);
        const stored = await Promise.all(requests.map(({ event }) => reopened.readEvent(event.id)));
        await reopened.close();
        await place.remove();
        const bytes = (event: { data: Uint8Array } | undefined) => Buffer.from(event?.data ?? []).toString('hex');
        for (const [index, { event, acceptedAtMs, adapters }] of requests.entries()) {
          const { seq } = newEvent(results[index] ?? { kind: 'conflict' });
          const { data: _, ...said } = event;
          expect(stored[index]?.event).toMatchObject({ ...said, acceptedAtMs, adapters, seq });
          expect(bytes(stored[index]?.event)).toBe(bytes(event));
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
  acceptedAtMs: fc.nat(),
  adapters: fc.subarray(['billing', 'records', 'scheduling']),
});

/** Many at a time, since opening a journal costs more than accepting them. */
const anyAccepts = fc.uniqueArray(anyAccept, { minLength: 50, maxLength: 100, selector: ({ event }) => event.id });
