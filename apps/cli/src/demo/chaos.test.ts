import { describe, expect, test } from 'vitest';
import { ChaosError, parseChaos } from './chaos.ts';

describe('chaos', () => {
  test.each([
    ['latency=2s,fail=30%', { latencyMs: 2_000, failShare: 0.3 }],
    ['fail=100%', { latencyMs: 0, failShare: 1 }],
    ['latency=250ms', { latencyMs: 250, failShare: 0 }],
    [' latency = 1.5s , fail = 0.5% ', { latencyMs: 1_500, failShare: 0.005 }],
    ['latency=1min', { latencyMs: 60_000, failShare: 0 }],
  ])('%s is understood', (text, chaos) => {
    expect(parseChaos(text)).toEqual(chaos);
  });

  test.each([
    ['', /^There is no ""; write latency=2s, fail=30%, or both/],
    ['latncy=2s', /^There is no "latncy"/],
    ['latency', /^"" is no length of time/],
    ['latency=2', /^"2" is no length of time up to 10min; write it as 200ms, 2s or 1min\.$/],
    ['latency=11min', /^"11min" is no length/],
    ['fail=30', /^"30" is no share; write it as 30%, from 0% to 100%\.$/],
    ['fail=101%', /^"101%" is no share/],
    ['fail=-1%', /^"-1%" is no share/],
  ])('%j is refused, with what would do', (text, message) => {
    expect(() => parseChaos(text)).toThrow(ChaosError);
    expect(() => parseChaos(text)).toThrow(message);
  });
});
