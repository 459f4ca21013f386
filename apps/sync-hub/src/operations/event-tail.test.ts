import { describe, expect, it } from 'vitest';
import { deadLettered, sampleRecord } from '../journal/suite/samples.fixture.ts';
import { systemClock } from '../lanes/clock.ts';
import { EventTail, TAIL_QUEUE_MAX, TAILS_MAX, type TailFilter } from './event-tail.ts';
import { settle } from './manual-clock.fixture.ts';
import { openRecordingJournal } from './recording-journal.fixture.ts';

function open() {
  const { journal, record, accept } = openRecordingJournal();
  const tail = new EventTail({ journal, clock: systemClock });
  journal.subscribe({
    committed({ events, records }) {
      tail.accepted(events);
      tail.recorded(records);
    },
    ended: () => undefined,
  });
  return {
    tail,
    record,
    accept: (id: string, key = '', type = 'ProcessUpdated', source = 'hms-api') => accept(id, { key, type, source }),
  };
}

/** A tail, from the moment at which it has begun. */
async function watch(tail: EventTail, filter: TailFilter = {}) {
  const abort = new AbortController();
  const reading = tail.watch(filter, abort.signal);
  if (reading === undefined) throw new Error('too many');
  expect(await reading.next()).toEqual({ done: false, value: [] });
  const read = async () => {
    const { value = [] } = await reading.next();
    return (value ?? []).map((tailed) => {
      if (tailed.kind === 'accepted') return `accepted ${tailed.event.id}`;
      if (tailed.kind === 'missed') return `missed ${tailed.count}`;
      return `${tailed.record.state} ${tailed.record.eventId} ${tailed.record.adapter}`;
    });
  };
  return { read, reading, abort };
}

describe('a tail', () => {
  it('reports what happens from then on, without payloads', async () => {
    const { accept, record, tail } = open();
    await accept('before');
    const { read, reading } = await watch(tail);
    const event = await accept('a');
    record(sampleRecord(event));
    const { value } = await reading.next();
    expect(value).toMatchObject([{ kind: 'accepted', event: { id: 'a', data: new Uint8Array() } }]);
    expect(await read()).toEqual(['delivered a billing']);
  });

  it('gives each record the place right after it', async () => {
    const { accept, record, tail } = open();
    const event = await accept('a');
    record(sampleRecord(event, { adapter: 'records' }));
    await settle();
    const { reading } = await watch(tail);
    record(sampleRecord(event));
    const { value } = await reading.next();
    expect(value).toMatchObject([
      {
        kind: 'recorded',
        place: new Map([
          ['records', 1],
          ['billing', 1],
        ]),
      },
    ]);
  });

  it.each<[string, TailFilter, readonly string[]]>([
    ['adapters', { adapters: ['records'] }, ['accepted a', 'accepted b', 'delivered a records']],
    ['states', { states: ['dead_lettered'] }, ['dead_lettered b billing']],
    ['what waits', { states: ['waiting'] }, ['accepted a', 'accepted b']],
    ['event ids', { eventIds: ['b'] }, ['accepted b', 'dead_lettered b billing']],
    ['sources', { sources: [''] }, ['accepted b', 'dead_lettered b billing']],
    ['kinds of failure', { errorKinds: ['retryable'] }, ['dead_lettered b billing']],
    ['keys', { keys: ['x'] }, ['accepted a', 'delivered a billing', 'delivered a records']],
    ['types', { types: ['PolicyUpdated'] }, ['accepted b', 'dead_lettered b billing']],
    ['nothing, given empty lists', { adapters: [], states: [], types: [], keys: [] }, all()],
  ])('filters by %s', async (_, filter, expected) => {
    const { accept, record, tail } = open();
    const { read } = await watch(tail, filter);
    const a = await accept('a', 'x');
    const b = await accept('b', 'y', 'PolicyUpdated', '');
    record(sampleRecord(a, { key: 'x' }));
    record(sampleRecord(a, { key: 'x', adapter: 'records' }));
    record(deadLettered(b, { key: 'y' }));
    await settle();
    const received: string[] = [];
    while (received.length < expected.length) received.push(...(await read()));
    expect(received).toEqual(expected);
  });

  it('never waits for a slow reader, and reports how much it missed, and where', async () => {
    const { accept, tail } = open();
    const { read } = await watch(tail);
    for (let index = 0; index < TAIL_QUEUE_MAX + 7; index++) await accept(`e-${index}`);
    const received = await read();
    expect(received.slice(-2)).toEqual([`accepted e-${TAIL_QUEUE_MAX - 1}`, 'missed 7']);
    await accept('late');
    expect(await read()).toEqual(['accepted late']);
  });

  it('ends with its signal', async () => {
    const { tail } = open();
    const left = await watch(tail);
    left.abort.abort();
    expect(await left.reading.next()).toEqual({ done: true, value: undefined });
  });

  it('is for this many at a time', async () => {
    const { tail } = open();
    const readers = await Promise.all(Array.from({ length: TAILS_MAX }, () => watch(tail)));
    expect(tail.watch({}, new AbortController().signal)).toBeUndefined();
    await readers[0]?.reading.return();
    await watch(tail);
  });
});

function all(): readonly string[] {
  return ['accepted a', 'accepted b', 'delivered a billing', 'delivered a records', 'dead_lettered b billing'];
}
