import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type RowValue, requireChecksum, rowChecksum } from './row-checksum.ts';

const anyText = fc.string({ unit: 'binary' });
const anyNumber = fc.double({ noNaN: true, noDefaultInfinity: true });
const anyCount = fc.nat();

const anyEvent = fc.record({
  seq: anyCount,
  id: anyText,
  source: anyText,
  type: anyText,
  key: anyText,
  time_ms: anyNumber,
  content_type: anyText,
  attributes: anyText,
  content_hash: fc.uint8Array(),
  accepted_at_ms: anyNumber,
  data_checksum: anyCount,
  published_by: anyText,
});

const anyDelivery = fc.record({
  seq: anyCount,
  adapter: anyCount,
  key: anyText,
  state: anyCount,
  is_head: anyCount,
  may_follow: anyCount,
  may_have_run: anyCount,
  due_at_ms: anyNumber,
  not_before_ms: anyNumber,
  since_ms: anyNumber,
  cycle: anyCount,
  attempts: anyCount,
  spent: anyCount,
  crashes: anyCount,
  reopened_at_ms: fc.option(anyNumber),
});

const anyRecord = fc.record({
  adapter: anyCount,
  position: anyCount,
  seq: anyCount,
  version: anyText,
  state: anyCount,
  cycle: anyCount,
  attempts: anyCount,
  spent: anyCount,
  crashes: anyCount,
  at_ms: anyNumber,
  next_attempt_at_ms: anyNumber,
  outcome: fc.option(anyCount),
  started_at_ms: fc.option(anyNumber),
  duration_ms: fc.option(anyNumber),
  receipt: fc.option(anyText),
  code: fc.option(anyText),
  message: fc.option(anyText),
});

const event = { id: 'a', source: 'b' };

function sumOf(row: object, ...texts: string[]): number {
  return rowChecksum([...Object.values(row), 'not summed'] as RowValue[], Object.keys(row).length, ...texts);
}

function eventChecksum(row: object, adapters: readonly string[]): number {
  return sumOf(row, adapters.join());
}

function recordChecksum(row: object, { id, source }: typeof event): number {
  return sumOf(row, id, source);
}

type Rows = readonly [kind: string, row: fc.Arbitrary<object>, checksum: (row: never) => number];
const kinds: Rows[] = [
  ['an event', anyEvent, (row) => eventChecksum(row, ['billing'])],
  ['a delivery', anyDelivery, sumOf],
  ['a record', anyRecord, (row) => recordChecksum(row, event)],
];

it.each(kinds)('notices each column of %s that changed', (_, anyRow, checksum) => {
  fc.assert(
    fc.property(anyRow, anyRow, (row, other) => {
      for (const column of Object.keys(row) as (keyof typeof row)[]) {
        const changed = { ...row, [column]: other[column] };
        const isSame = fc.stringify(stored([row[column]])) === fc.stringify(stored([other[column]]));
        expect(checksum(changed as never) === checksum(row as never)).toBe(isSame);
      }
    }),
    { numRuns: 50 },
  );
});

it.each(kinds)(
  'takes nothing of %s for corruption that SQLite returns as another text or number',
  (_, anyRow, checksum) => {
    fc.assert(
      fc.property(anyRow, (row) => {
        const values = stored(Object.values(row));
        const read = Object.fromEntries(Object.keys(row).map((column, index) => [column, values[index]]));
        expect(checksum(read as never)).toBe(checksum(row as never));
      }),
      { numRuns: 50 },
    );
  },
);

it('distinguishes texts of which one lost what the next begins with', () => {
  const of = (id: string, source: string) =>
    recordChecksum(fc.sample(anyRecord, { numRuns: 1, seed: 1 })[0] as never, { id, source });
  expect(of('ab', 'c')).not.toBe(of('a', 'bc'));
});

it('covers the adapters of an event, and the event of a record', () => {
  const [row, record] = [fc.sample(anyEvent, 1)[0] as never, fc.sample(anyRecord, 1)[0] as never];
  expect(eventChecksum(row, ['billing', 'records'])).not.toBe(eventChecksum(row, ['billing']));
  expect(recordChecksum(record, { ...event, source: 'c' })).not.toBe(recordChecksum(record, event));
});

it('says which row does not match', () => {
  requireChecksum(1, 1, () => 'seq 1');
  expect(() => requireChecksum(1, 2, () => 'seq 1')).toThrow('seq 1 does not match its checksum');
});

const database = new DatabaseSync(':memory:');

/** As SQLite returns them. */
function stored(values: readonly unknown[]): readonly unknown[] {
  const row = database.prepare(`SELECT ${values.map((_, index) => `? AS c${index}`)}`).get(...(values as number[]));
  return Object.values(row ?? {});
}
