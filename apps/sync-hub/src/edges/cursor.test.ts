import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cursors } from './cursor.ts';
import { Refusal } from './refusal.ts';

const cursors = new Cursors('4bf92f35');

it('leads back to the place that it was made of', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), (place) => {
      expect(cursors.decode(cursors.encode(place), 'cursor')).toBe(place);
    }),
  );
});

describe('a cursor that this journal did not make', () => {
  it.each([
    '',
    '-',
    '7',
    '4bf92f35',
    '4bf92f35-',
    '4bf92f35--1',
    '4bf92f35-1-',
    '4bf92f35-1.5',
    '4bf92f35-1e3',
    '4bf92f35-0x1',
    '4bf92f35- 1',
    '4bf92f35-NaN',
    '4bf92f35-9999999999999999',
    '4BF92F35-1',
    'a0000000-1',
  ])('is refused, with its field: "%s"', (text) => {
    const refused = (): unknown => {
      try {
        return cursors.decode(text, 'cursor');
      } catch (error) {
        return error;
      }
    };
    expect(refused()).toBeInstanceOf(Refusal);
    expect(refused()).toMatchObject({ reason: 'CURSOR_INVALID', fields: [{ field: 'cursor' }] });
  });
});
