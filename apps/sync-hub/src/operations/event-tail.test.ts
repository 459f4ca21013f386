import { describe, expect, it } from 'vitest';
import { MemoryJournal } from '../journal/memory/memory-journal.ts';
import { acceptNew, deadLettered, sampleAccept, sampleEvent, sampleRecord } from '../journal/suite/samples.suite.ts';
import { systemClock } from '../lanes/clock.ts';
import { EventTail, TAILS_MAX, type TailFilter } from './event-tail.ts';
import { settle } from './manual-clock.suite.ts';
import { TAIL_QUEUE_MAX } from './tail-queue.ts';

function open() {
  const journal = new MemoryJournal({
    observer: {
      accepted: (events) => tail.accepted(events),
      recorded: (records) => tail.recorded(records),
      reopened() {},
    },
    onFatal(error) {
      throw error;
    },
  });
  const tail = new EventTail({ journal, clock: systemClock });
  return { journal, tail };
}

/** One who looks on, from the moment at which it has begun. */
async function watch(tail: EventTail, filter: TailFilter = {}) {
  const abort = new AbortController();
  const reading = tail.watch(filter, abort.signal);
  if (reading === undefined) throw new Error('too many');
  expect(await reading.next()).toEqual({ done: false, value: [] });
  const read = async () => {
    const { value = [] } = await reading.next();
    return (value ?? []).map((happening) => {
      if (happening.kind === 'accepted') return `accepted ${happening.event.id}`;
      if (happening.kind === 'missed') return `missed ${happening.count}`;
      return `${happening.record.state} ${happening.record.eventId} ${happening.record.adapter}`;
    });
  };
  return { read, reading, abort };
}

const accept = (journal: MemoryJournal, id: string, key = '', type = 'ProcessUpdated') =>
  acceptNew(journal, sampleAccept(sampleEvent(id, { key, type })));

describe('looking on', () => {
  it('tells what happens from then on, without payloads', async () => {
    const { journal, tail } = open();
    await accept(journal, 'before');
    const { read, reading } = await watch(tail);
    const event = await accept(journal, 'a');
    journal.record(sampleRecord(event));
    const { value } = await reading.next();
    expect(value).toMatchObject([{ kind: 'accepted', event: { id: 'a', data: new Uint8Array() } }]);
    expect(await read()).toEqual(['delivered a billing']);
  });

  it.each<[string, TailFilter, readonly string[]]>([
    ['adapters', { adapters: ['records'] }, ['accepted a', 'accepted b', 'delivered a records']],
    ['states', { states: ['dead_lettered'] }, ['dead_lettered b billing']],
    ['what waits', { states: ['waiting'] }, ['accepted a', 'accepted b']],
    ['event ids', { eventIds: ['b'] }, ['accepted b', 'dead_lettered b billing']],
    ['kinds of failure', { errorKinds: ['retryable'] }, ['dead_lettered b billing']],
    ['keys', { keys: ['x'] }, ['accepted a', 'delivered a billing', 'delivered a records']],
    ['types', { types: ['PolicyUpdated'] }, ['accepted b', 'dead_lettered b billing']],
    ['nothing, given empty lists', { adapters: [], states: [], types: [], keys: [] }, all()],
  ])('filters by %s', async (_, filter, expected) => {
    const { journal, tail } = open();
    const { read } = await watch(tail, filter);
    const a = await accept(journal, 'a', 'x');
    const b = await accept(journal, 'b', 'y', 'PolicyUpdated');
    journal.record(sampleRecord(a));
    journal.record(sampleRecord(a, { adapter: 'records' }));
    journal.record(deadLettered(b));
    await settle();
    const told: string[] = [];
    while (told.length < expected.length) told.push(...(await read()));
    expect(told).toEqual(expected);
  });

  it('never waits for a slow reader, and tells it how much it missed, and where', async () => {
    const { journal, tail } = open();
    const { read } = await watch(tail);
    for (let index = 0; index < TAIL_QUEUE_MAX + 7; index++) await accept(journal, `e-${index}`);
    const told = await read();
    expect(told.slice(-2)).toEqual([`accepted e-${TAIL_QUEUE_MAX - 1}`, 'missed 7']);
    await accept(journal, 'late');
    expect(await read()).toEqual(['accepted late']);
  });

  it('ends with its signal', async () => {
    const { tail } = open();
    const left = await watch(tail);
    left.abort.abort();
    expect(await left.reading.next()).toEqual({ done: true, value: undefined });
  });

  it('is for so many at a time', async () => {
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
