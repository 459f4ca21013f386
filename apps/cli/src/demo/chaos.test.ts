import { describe, expect, test } from 'vitest';
import { parseChaos } from './chaos.ts';

describe('chaos', () => {
  test.each([
    ['latency=2s,fail=30%', { latencyMs: 2_000, failShare: 0.3 }],
    ['fail=100%', { latencyMs: 0, failShare: 1 }],
    ['latency=250ms', { latencyMs: 250, failShare: 0 }],
    [' latency = 1.5s , fail = 0.5% ', { latencyMs: 1_500, failShare: 0.005 }],
    ['latency=1min', { latencyMs: 60_000, failShare: 0 }],
  ])('%s is parsed', (text, chaos) => {
    expect(parseChaos(text)).toEqual(chaos);
  });

  test.each([
    ['', 'Unknown fault "". Write latency=2s, fail=30%, or latency=2s,fail=30%.'],
    ['latncy=2s', 'Unknown fault "latncy"'],
    ['latency', '"" is not a duration'],
    ['latency=2', '"2" is not a duration up to 10m. Write it as 200ms, 2s or 1m.'],
    ['latency=11min', '"11min" is not a duration'],
    ['fail=30', '"30" is not a percentage from 0% to 100%. Write it as 30%.'],
    ['fail=101%', '"101%" is not a percentage'],
    ['fail=-1%', '"-1%" is not a percentage'],
  ])('%j is rejected with advice', (text, message) => {
    expect(() => parseChaos(text)).toThrow(message);
  });
});
