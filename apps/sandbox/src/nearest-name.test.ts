import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { suggestName } from './nearest-name.ts';
import { SYSTEM_NAMES } from './system.ts';

describe('suggestName', () => {
  it('suggests the name for a typo, in any case', () => {
    expect(suggestName('BILING', SYSTEM_NAMES)).toBe('did you mean billing?');
    expect(suggestName('record', SYSTEM_NAMES)).toBe('did you mean records?');
  });

  it('lists the names when none is near', () => {
    expect(suggestName('warehouse', SYSTEM_NAMES)).toBe('it is one of scheduling, records, billing');
  });

  it('finds a name with any one letter changed, dropped or added', () => {
    const slip = fc.record({
      name: fc.constantFrom(...SYSTEM_NAMES),
      at: fc.nat(6),
      kind: fc.constantFrom('change', 'drop', 'add'),
      letter: fc.constantFrom('x', 'q'),
    });
    fc.assert(
      fc.property(slip, ({ name, at, kind, letter }) => {
        const written = name.slice(0, at) + (kind === 'drop' ? '' : letter) + name.slice(kind === 'add' ? at : at + 1);
        expect(suggestName(written, SYSTEM_NAMES)).toBe(`did you mean ${name}?`);
      }),
    );
  });
});
