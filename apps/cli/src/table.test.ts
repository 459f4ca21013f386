import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
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
