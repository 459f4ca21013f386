import { create } from '@bufbuild/protobuf';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { durationInWords, durationMs, enumName, isoTime, lengthInWords } from './words.ts';

describe('words', () => {
  test.each([
    [-5, '0 ms'],
    [0.4, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [119_000, '119 s'],
    [120_000, '2 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
  ])('a length of %d ms is told as %s', (ms, words) => {
    expect(lengthInWords(ms)).toBe(words);
  });

  test('a duration below a millisecond keeps its fraction', () => {
    expect(durationMs(create(DurationSchema, { seconds: 1n, nanos: 250_000 }))).toBe(1_000.25);
  });

  test('what is absent is told as a dash', () => {
    expect(durationInWords(undefined)).toBe('-');
  });

  test('a time that no Date can hold is left out', () => {
    expect(isoTime(create(TimestampSchema, { seconds: 9_000_000_000_000n }))).toBeUndefined();
    expect(isoTime(create(TimestampSchema, { seconds: 1n }))).toBe('1970-01-01T00:00:01.000Z');
  });

  test('a value that a newer hub added keeps its number', () => {
    expect(enumName({ 1: 'CLOSED' }, 1)).toBe('CLOSED');
    expect(enumName({ 1: 'CLOSED' }, 9)).toBe('UNKNOWN_9');
  });
});
