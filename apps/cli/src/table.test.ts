import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { captureTerminal } from '../test/captured-terminal.ts';
import { tableLines } from './table.ts';

test('every column begins at the same place in each line, painted or not', () => {
  const { data } = captureTerminal({ isTTY: true });
  const cell = fc.stringMatching(/^[a-z]{1,12}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell, cell), { maxLength: 5 }), (rows) => {
      const painted = rows.map(([first, second, third]) => [data.paint('good', first), second, third]);
      const lines = tableLines(['A', 'B', 'C'], painted).map(stripVTControlCharacters);
      const firstWidth = Math.max(1, ...rows.map(([first]) => first.length));
      const secondWidth = Math.max(1, ...rows.map(([, second]) => second.length));
      for (const [index, [first, second, third]] of [['A', 'B', 'C'] as const, ...rows].entries()) {
        expect(lines[index]).toBe(`${first.padEnd(firstWidth)}  ${second.padEnd(secondWidth)}  ${third}`);
      }
    }),
  );
});

describe('a table on a narrow terminal', () => {
  const header = ['ADAPTER', 'STATE', 'KEY', 'WHY'];
  const rows = [
    ['billing', 'HELD', '-', 'its breaker is open; last HTTP_503: Service Unavailable'],
    ['records', 'DEAD_LETTERED', 'p-1', ''],
  ];

  test('puts the last column below each row', () => {
    expect(tableLines(header, rows, 40)).toEqual([
      'ADAPTER  STATE          KEY',
      'billing  HELD           -',
      '  WHY its breaker is open; last',
      '    HTTP_503: Service Unavailable',
      'records  DEAD_LETTERED  p-1',
    ]);
  });

  test('prints each row as several lines, without empty cells, if even that does not fit', () => {
    expect(tableLines(header, rows, 24)).toEqual([
      'billing',
      '  STATE HELD',
      '  WHY its breaker is',
      '    open; last HTTP_503:',
      '    Service Unavailable',
      'records',
      '  STATE DEAD_LETTERED',
      '  KEY p-1',
    ]);
  });

  test('never breaks a word, so that it can be copied', () => {
    expect(tableLines(['EVENT', 'KEY'], [['0198c5d2-0000-7000', 'a-key-that-is-longer']], 12)).toEqual([
      '0198c5d2-0000-7000',
      '  KEY',
      '    a-key-that-is-longer',
    ]);
  });

  test('has no line that is longer than the terminal, but for a single word', () => {
    const cell = fc.stringMatching(/^[a-z]{1,9}( [a-z]{1,9}){0,6}$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { maxLength: 4 }),
        fc.integer({ min: 14, max: 90 }),
        (rows, width) => {
          for (const line of tableLines(['A', 'B', 'C'], rows, width)) {
            // The first cell of a row stands alone, as it is.
            if (!rows.some(([first]) => first === line)) expect(line.length).toBeLessThanOrEqual(width);
          }
        },
      ),
    );
  });
});

test('wide letters count as two columns, and combining marks as none', () => {
  expect(
    tableLines(
      ['KEY', 'STATE'],
      [
        ['予約', 'HELD'],
        ['e\u0301tage', 'HELD'],
      ],
    ),
  ).toEqual(['KEY    STATE', '予約   HELD', 'e\u0301tage  HELD']);
});
