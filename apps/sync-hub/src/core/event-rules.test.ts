import { expect, it } from 'vitest';
import type { SyncEvent } from './event.ts';
import { checkEvent } from './event-rules.ts';

const event: SyncEvent = {
  id: 'event-1',
  source: 'hms-api',
  type: 'ProcessUpdated',
  key: 'process-7',
  timeMs: 1_790_000_000_000,
  data: new Uint8Array(),
  dataContentType: 'application/json',
  attributes: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
};

/** The names of the fields that are wrong. */
const wrong = (changes: Partial<SyncEvent>) => checkEvent({ ...event, ...changes }).map(({ field }) => field);

it('finds nothing wrong with an event as it should be', () => {
  expect(wrong({})).toEqual([]);
  expect(wrong({ source: '', key: '', dataContentType: '', attributes: {} })).toEqual([]);
});

it.each([
  { id: '' },
  { id: 'a'.repeat(129) },
  { id: 'with space' },
  { id: 'tab\t' },
  { id: 'ümlaut' },
  { type: '' },
  { type: 'a'.repeat(129) },
  { type: 'line\nbreak' },
  { source: 'a'.repeat(257) },
  { source: '\u0085' },
  { key: 'a'.repeat(257) },
  { key: '\u0000' },
  { key: 'half a pair \ud83d' },
  { type: '\udc00' },
  { dataContentType: 'a'.repeat(129) },
  { timeMs: -1 },
  { timeMs: Number.NaN },
  { timeMs: 253_402_300_800_000 },
  { attributes: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`a${index}`, ''])) },
  { attributes: { UPPER: '' } },
  { attributes: { '': '' } },
  { attributes: { a: 'b'.repeat(1_025) } },
  { attributes: { a: 'line\nbreak' } },
  { attributes: { a: '\ud800' } },
  { attributes: { ['a'.repeat(65)]: '' } },
  { timeMs: Number.POSITIVE_INFINITY },
])('names the field that is wrong: %j', (changes) => {
  const [field = ''] = Object.keys(changes);
  const names: Record<string, string> = { dataContentType: 'data_content_type', timeMs: 'time' };
  expect(wrong(changes)).toEqual([names[field] ?? field]);
});

it('accepts each field up to its bound', () => {
  expect(wrong({ id: '~'.repeat(128), type: 'ü'.repeat(128), key: 'k'.repeat(256), source: 's'.repeat(256) })).toEqual(
    [],
  );
  expect(wrong({ timeMs: 0 })).toEqual([]);
  expect(wrong({ timeMs: 253_402_300_799_999, attributes: { [`a${'-'.repeat(63)}`]: 'v'.repeat(1_024) } })).toEqual([]);
});

it('reports every problem at once, and no value', () => {
  const problems = checkEvent({ ...event, id: 'se cret', type: '', key: 'secret\u0000' });
  expect(problems.map(({ field }) => field)).toEqual(['id', 'type', 'key']);
  expect(JSON.stringify(problems)).not.toMatch('cret');
});
