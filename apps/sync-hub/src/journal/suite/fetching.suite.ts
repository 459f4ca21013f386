import { expect, it } from 'vitest';
import type { FetchRequest, Journal } from '../journal.ts';
import { type CreatePlace, useJournal, usePlace } from './place.suite.ts';
import {
  acceptNew,
  deadLettered,
  newEvent,
  retrying,
  sampleAccept,
  sampleEvent,
  sampleRecord,
  withoutAttempt,
} from './samples.suite.ts';

const everything = { adapter: 'billing', afterSeq: 0, limit: 100, limitBytes: 1_000_000 };

export function fetchingSuite(createPlace: CreatePlace): void {
  it('gives what is not settled, in the order of acceptance, as it stands', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const [a, b, c, d, e] = await acceptAll(journal, ['a', 'b', 'c', 'd', 'e']);
    journal.record(sampleRecord(a));
    const retried = retrying(b, { attempts: 3, spent: 2, crashes: 1, nextAttemptAtMs: 1_790_000_012_345 });
    journal.record(retried);
    journal.record(deadLettered(d));
    journal.record(withoutAttempt(e, { state: 'skipped' }));
    const expected = {
      deliveries: [
        { event: b, cycle: 1, attempts: 3, spent: 2, crashes: 1, notBeforeMs: 1_790_000_012_345, asOfMs: retried.atMs },
        { event: c, cycle: 1, attempts: 0, spent: 0, crashes: 0, notBeforeMs: 0, asOfMs: c.acceptedAtMs },
      ],
      scannedToSeq: e.seq,
    };
    expect(await journal.fetchOpen(everything)).toEqual(expected);
    await journal.close();
    const { journal: reopened } = await open();
    expect(await reopened.fetchOpen(everything)).toEqual(expected);
  });

  it('gives a delivery again once a record of a new cycle opened it', async () => {
    const { journal } = await useJournal(createPlace);
    const [a] = await acceptAll(journal, ['a', 'b']);
    journal.record(deadLettered(a));
    journal.record(retrying(a, { cycle: 2, attempts: 1, spent: 1 }));
    expect((await fetched(journal, {})).ids).toEqual(['a', 'b']);
  });

  it('gives only what goes to the adapter', async () => {
    const { journal } = await useJournal(createPlace);
    await journal.accept(sampleAccept(sampleEvent('a'), { adapters: ['billing'] }));
    await journal.accept(sampleAccept(sampleEvent('b'), { adapters: ['records'] }));
    expect((await fetched(journal, { adapter: 'records' })).ids).toEqual(['b']);
    expect(await fetched(journal, { adapter: 'nobody' })).toEqual({ ids: [], scannedToSeq: 2 });
  });

  it('gives only later ones than a place, and none after another', async () => {
    const { journal } = await useJournal(createPlace);
    const [a, b, c] = await acceptAll(journal, ['a', 'b', 'c']);
    expect(await fetched(journal, { afterSeq: a.seq })).toEqual({ ids: ['b', 'c'], scannedToSeq: c.seq });
    expect(await fetched(journal, { upToSeq: b.seq })).toEqual({ ids: ['a', 'b'], scannedToSeq: b.seq });
    expect(await fetched(journal, { afterSeq: c.seq })).toEqual({ ids: [], scannedToSeq: c.seq });
  });

  it('never claims to have looked further than the newest event', async () => {
    const { journal } = await useJournal(createPlace);
    const [, b] = await acceptAll(journal, ['a', 'b']);
    expect(await fetched(journal, { upToSeq: 1_000 })).toEqual({ ids: ['a', 'b'], scannedToSeq: b.seq });
  });

  it('gives only those of a key, the empty one among them', async () => {
    const { journal } = await useJournal(createPlace);
    for (const [id, key] of Object.entries({ a: 'x', b: 'y', c: '', d: 'x', e: '' })) {
      await journal.accept(sampleAccept(sampleEvent(id, { key })));
    }
    expect(await fetched(journal, { key: 'x' })).toEqual({ ids: ['a', 'd'], scannedToSeq: 5 });
    expect(await fetched(journal, { key: 'x', afterSeq: 1, upToSeq: 4 })).toEqual({ ids: ['d'], scannedToSeq: 4 });
    expect(await fetched(journal, { key: '' })).toEqual({ ids: ['c', 'e'], scannedToSeq: 5 });
    expect(await fetched(journal, { key: 'z' })).toEqual({ ids: [], scannedToSeq: 5 });
  });

  it('stops at the limit and says where', async () => {
    const { journal } = await useJournal(createPlace);
    const [, b] = await acceptAll(journal, ['a', 'b', 'c']);
    expect(await fetched(journal, { limit: 2 })).toEqual({ ids: ['a', 'b'], scannedToSeq: b.seq });
  });

  it('stops before the payloads exceed the limit, but gives at least one', async () => {
    const { journal } = await useJournal(createPlace);
    const data = new Uint8Array(100);
    const [a, b, c] = await acceptAll(journal, ['a', 'b', 'c'], { data });
    expect(await fetched(journal, { limitBytes: 300 })).toEqual({ ids: ['a', 'b', 'c'], scannedToSeq: c.seq });
    expect(await fetched(journal, { limitBytes: 299 })).toEqual({ ids: ['a', 'b'], scannedToSeq: b.seq });
    expect(await fetched(journal, { limitBytes: 0 })).toEqual({ ids: ['a'], scannedToSeq: a.seq });
  });

  it('sees what was requested before it and nothing of what was requested after it', async () => {
    const { journal } = await useJournal(createPlace);
    const [a] = await acceptAll(journal, ['a']);
    const b = journal.accept(sampleAccept(sampleEvent('b')));
    journal.record(sampleRecord(a));
    const between = fetched(journal, {});
    const c = journal.accept(sampleAccept(sampleEvent('c')));
    expect(await between).toEqual({ ids: ['b'], scannedToSeq: newEvent(await b).seq });
    expect(newEvent(await c).seq).toBeGreaterThan((await between).scannedToSeq);
  });
}

async function fetched(journal: Journal, request: Partial<FetchRequest>) {
  const { deliveries, scannedToSeq } = await journal.fetchOpen({ ...everything, ...request });
  return { ids: deliveries.map(({ event }) => event.id), scannedToSeq };
}

type Accepted = Awaited<ReturnType<typeof acceptNew>>;

async function acceptAll<const Ids extends readonly string[]>(
  journal: Journal,
  ids: Ids,
  changes: Parameters<typeof sampleEvent>[1] = {},
): Promise<{ [Place in keyof Ids]: Accepted }> {
  const events = await Promise.all(ids.map((id) => acceptNew(journal, sampleAccept(sampleEvent(id, changes)))));
  return events as { [Place in keyof Ids]: Accepted };
}
