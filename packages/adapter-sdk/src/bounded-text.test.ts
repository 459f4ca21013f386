import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutToBytes, cutToLength } from './bounded-text.ts';

const text = fc.string({ unit: 'binary', maxLength: 60 });

it('cuts to bytes at the last possible character boundary', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: 60 }), (full, maxBytes) => {
      const cut = cutToBytes(full, maxBytes);
      const sizeBytes = Buffer.byteLength(cut);
      expect(full.startsWith(cut)).toBe(true);
      expect(sizeBytes).toBeLessThanOrEqual(maxBytes);
      // A character takes at most four bytes, so at most three are left over.
      if (cut !== full) expect(sizeBytes).toBeGreaterThan(maxBytes - 4);
    }),
  );
});

it('cuts to a length without halving a character', () => {
  expect(cutToLength('a😀b', 2)).toBe('a');
  expect(cutToLength('a😀b', 3)).toBe('a😀');
  expect(cutToLength('a😀b', 4)).toBe('a😀b');
});

it('replaces lone surrogates, which protobuf rejects', () => {
  expect(cutToLength('a\ud83d', 5)).toBe('a\ufffd');
  expect(cutToBytes('\ude00b', 500)).toBe('\ufffdb');
});
