import { describe, expect, it } from 'vitest';
import { ArmedFault, untroubled } from './armed-fault.ts';
import type { Fault } from './fault.ts';
import { seededRandom } from './random.ts';

const call = { key: 'p-1', eventId: 'e-1', type: 'ProcessUpdated' };

const failures = (fault: Fault, seed: number, calls = 1_000): boolean[] => {
  const armed = new ArmedFault(fault, seededRandom(seed));
  return Array.from({ length: calls }, () => armed.treat(call).failure !== null);
};

describe('ArmedFault', () => {
  it('fails the same calls again when the seed is the same', () => {
    expect(failures({ errorRate: 0.3 }, 42)).toEqual(failures({ errorRate: 0.3 }, 42));
    expect(failures({ errorRate: 0.3 }, 42)).not.toEqual(failures({ errorRate: 0.3 }, 43));
  });

  it.each([0, 0.1, 0.5, 0.9, 1])('fails a share of %d of the calls', (errorRate) => {
    const failed = failures({ errorRate }, 7, 10_000).filter(Boolean).length / 10_000;
    // Four standard deviations of 10,000 draws are at most 0.02.
    expect(Math.abs(failed - errorRate)).toBeLessThanOrEqual(errorRate === 0 || errorRate === 1 ? 0 : 0.02);
  });

  it('answers 503 when only a rate or a Retry-After is given', () => {
    for (const fault of [{ errorRate: 1 }, { retryAfter: '2' }]) {
      const { failure } = new ArmedFault(fault, seededRandom(1)).treat(call);
      expect(failure).toMatchObject({ kind: 'status', status: 503 });
    }
  });

  it('draws a latency between latencyMs and latencyMs + jitterMs', () => {
    const armed = new ArmedFault({ latencyMs: 100, jitterMs: 50 }, seededRandom(3));
    const delays = Array.from({ length: 1_000 }, () => armed.treat(call).delayMs);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...delays)).toBeLessThan(150);
    expect(new Set(delays).size).toBeGreaterThan(900);
  });

  it('is spent after the number of calls it was for', () => {
    const armed = new ArmedFault({ status: 500, times: 2, match: { key: 'p-1' } }, seededRandom(1));
    expect(armed.treat({ ...call, key: 'p-2' })).toBe(untroubled);
    expect(armed.treat(call).failure).not.toBeNull();
    expect(armed.isSpent).toBe(false);
    expect(armed.treat(call).failure).not.toBeNull();
    expect(armed.isSpent).toBe(true);
    expect(armed.treat(call)).toBe(untroubled);
    expect(armed.calls).toBe(2);
  });

  it('is only for calls that carry all the values of its match', () => {
    const armed = new ArmedFault(
      { status: 500, match: { key: 'p-1', eventId: 'e-1', type: 'ProcessUpdated' } },
      seededRandom(1),
    );
    expect(armed.treat(call).failure).not.toBeNull();
    for (const other of [{ key: null }, { eventId: 'e-2' }, { type: 'PolicyUpdated' }]) {
      expect(armed.treat({ ...call, ...other }).failure).toBeNull();
    }
  });
});
