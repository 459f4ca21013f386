import { describe, expect, it } from 'vitest';
import { waitMsOf } from './wait-parameter.ts';

describe('?wait', () => {
  it.each([
    ['/sync', 10_000],
    ['/sync?other=1', 10_000],
    ['/sync?wait=0s', 0],
    ['/sync?wait=5s&other=1', 5_000],
    ['/sync?wait=0.25s', 250],
    ['/sync?wait=60s', 60_000],
  ])('in %s means %i ms', (url, waitMs) => {
    expect(waitMsOf(url)).toBe(waitMs);
  });

  it.each(['61s', '60.5s', '100s', '-1s', '5', '5ms', '1e1s', '%00', ''])('is refused as %j', (wait) => {
    expect(() => waitMsOf(`/sync?wait=${wait}`)).toThrow('wait must be 0s to 60s, such as 5s');
  });
});
