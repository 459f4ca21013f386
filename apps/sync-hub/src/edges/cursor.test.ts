import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cursors } from './cursor.ts';
import { RequestError } from './request-error.ts';

const cursors = new Cursors('4bf92f35');

it('leads back to the place that it was made of', () => {
  const adapter = fc.stringMatching(/^[a-z][a-z0-9-]{0,62}$/);
  const places = fc.dictionary(adapter, fc.integer({ min: 1, max: 999_999_999_999_999 }), { maxKeys: 20 });
  fc.assert(
    fc.property(places, (lanes) => {
      const place = new Map(Object.entries(lanes));
      const cursor = cursors.encode(place);
      expect(cursors.decode(cursor, 'cursor')).toEqual(place);
      expect(encodeURIComponent(cursor)).toBe(cursor);
    }),
  );
});

it('can be read in a terminal', () => {
  expect(
    cursors.encode(
      new Map([
        ['billing', 12],
        ['records', 9],
      ]),
    ),
  ).toBe('4bf92f35-billing.12_records.9');
  expect(cursors.encode(new Map())).toBe('4bf92f35-0');
});

it('understands a cursor of an earlier version, which has one number for all lanes', () => {
  const newest = new Map([
    ['billing', 12],
    ['records', 9],
  ]);
  expect(cursors.decode('4bf92f35-10', 'cursor', newest)).toEqual(
    new Map([
      ['billing', 10],
      ['records', 9],
    ]),
  );
  expect(() => cursors.decode('4bf92f35-13', 'cursor', newest)).toThrow('was not made by this hub');
});

describe('a cursor that this journal did not make', () => {
  it.each([
    '',
    '-',
    '7',
    '4bf92f35',
    '4bf92f35-',
    '4bf92f35--1',
    '4bf92f35-1',
    '4bf92f35-0_billing.1',
    '4bf92f35-billing',
    '4bf92f35-billing.',
    '4bf92f35-billing.0',
    '4bf92f35-billing.01',
    '4bf92f35-billing.-1',
    '4bf92f35-billing.1-',
    '4bf92f35-billing.1.5',
    '4bf92f35-billing.1e3',
    '4bf92f35-billing.0x1',
    '4bf92f35-billing. 1',
    '4bf92f35-billing.NaN',
    '4bf92f35-billing.9999999999999999',
    '4bf92f35-billing.1_billing.1',
    '4bf92f35-billing.1_',
    '4bf92f35-billing.1__records.1',
    '4bf92f35-Billing.1',
    '4bf92f35-.1',
    '4bf92f35-billing.1\n',
    '4BF92F35-billing.1',
    'a0000000-billing.1',
  ])('is refused, with its field: "%s"', (text) => {
    const rejected = (): unknown => {
      try {
        return cursors.decode(text, 'cursor');
      } catch (error) {
        return error;
      }
    };
    expect(rejected()).toBeInstanceOf(RequestError);
    expect(rejected()).toMatchObject({ reason: 'CURSOR_INVALID', fields: [{ field: 'cursor' }] });
  });
});
