import { create } from '@bufbuild/protobuf';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { countDeliveries, durationMs, enumName, formatDuration, formatMs, isoTime } from './format.ts';

describe('format', () => {
  test.each([
    [-5, '0ms'],
    [0.4, '0ms'],
    [999, '999ms'],
    [1_499, '1s'],
    [119_600, '2m'],
    [150_000, '2m 30s'],
    [7_260_000, '2h 1m'],
    [180_000_000, '2d 2h'],
  ])('%d ms is written %s', (ms, text) => {
    expect(formatMs(ms)).toBe(text);
  });

  test('a single delivery is one delivery', () => {
    expect([0n, 1n, 2n].map(countDeliveries)).toEqual(['0 deliveries', '1 delivery', '2 deliveries']);
  });

  test('a duration below a millisecond keeps its fraction', () => {
    expect(durationMs(create(DurationSchema, { seconds: 1n, nanos: 250_000 }))).toBe(1_000.25);
  });

  test('an absent value is shown as a dash', () => {
    expect(formatDuration(undefined)).toBe('-');
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
