import { describe, expect, it } from 'vitest';
import { createBreaker, delivered, retryable, times } from './breaker.fixture.ts';

describe('an operator who lets one through', () => {
  it('makes an open breaker half open before its time', async () => {
    const { attempt, breaker, seen } = createBreaker({ resetTimeoutMs: 60_000 });
    breaker.tryNow();
    expect(seen).toEqual([]);
    await attempt(...times(5, retryable));
    breaker.tryNow();
    expect(breaker.report).toMatchObject({ condition: 'half_open', cause: 'an operator lets one delivery through' });
    await attempt(retryable);
    expect(breaker.report.cause).toBe('tried again, it failed still: HTTP_503');
    breaker.tryNow();
    await attempt(delivered);
    expect(seen).toEqual(['open', 'half_open', 'open', 'half_open', 'closed']);
  });

  it('leaves no time behind that would make it half open again', async () => {
    const { attempt, breaker, seen, becomes } = createBreaker({ resetTimeoutMs: 30 });
    await attempt(...times(5, retryable));
    breaker.tryNow();
    await attempt(retryable);
    await becomes('half_open');
    expect(seen).toEqual(['open', 'half_open', 'open', 'half_open']);
  });
});
