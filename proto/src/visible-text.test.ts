import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { visibleJson, visibleLines, visibleText } from './visible-text.ts';

const UNSEEN: readonly [string, string, string][] = [
  ['NUL', '\u0000', '\\u0000'],
  ['ESC', '\u001b', '\\u001b'],
  ['DEL', '\u007f', '\\u007f'],
  ['C1 control sequence introducer', '\u009b', '\\u009b'],
  ['right-to-left override', '\u202e', '\\u202e'],
  ['right-to-left isolate', '\u2067', '\\u2067'],
  ['Arabic letter mark', '\u061c', '\\u061c'],
  ['line separator', '\u2028', '\\u2028'],
  ['paragraph separator', '\u2029', '\\u2029'],
  ['zero-width space', '\u200b', '\\u200b'],
  ['zero-width joiner', '\u200d', '\\u200d'],
  ['byte order mark', '\ufeff', '\\ufeff'],
  ['soft hyphen', '\u00ad', '\\u00ad'],
  ['Hangul filler', '\u3164', '\\u3164'],
  ['variation selector', '\ufe0f', '\\ufe0f'],
  ['tag character', '\u{e0041}', '\\udb40\\udc41'],
  ['lone high surrogate', '\ud800', '\\ud800'],
  ['lone low surrogate', '\udfff', '\\udfff'],
  ['noncharacter', '\uffff', '\\uffff'],
];

describe.each(UNSEEN)('%s', (_, character, written) => {
  it('is written out in text', () => {
    expect(visibleText(`a${character}b`)).toBe(`a${written}b`);
    expect(visibleLines(`a\n${character}b`)).toBe(`a\n${written}b`);
  });

  it('is written out in JSON, which parses to the same value', () => {
    const json = visibleJson(JSON.stringify({ [`k${character}`]: `a${character}b` }));
    expect(json).toBe(`{"k${written}":"a${written}b"}`);
    expect(JSON.parse(json)).toEqual({ [`k${character}`]: `a${character}b` });
  });
});

it('keeps letters of any script, and characters of two units', () => {
  expect(visibleText('Überweisung 予約 ✓ 🩺 مرحبا')).toBe('Überweisung 予約 ✓ 🩺 مرحبا');
});

it('is one line, however many were given', () => {
  expect(visibleText(' one\r\n\ttwo\u2028three ')).toBe('one two\\u2028three');
});

it('gives JSON of any value that parses to that value and holds nothing unseen', () => {
  const anyUnits = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
  fc.assert(
    fc.property(fc.dictionary(anyUnits, anyUnits), (value) => {
      const json = visibleJson(JSON.stringify(value));
      expect(json).not.toMatch(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { seed: 8, numRuns: 300 },
  );
});
