import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import { DEFAULT_WINDOW } from '../core/lane.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../core/retry.ts';
import { systemClock } from './clock.ts';
import { Lane } from './lane.ts';
import type { LaneOptions } from './lane-options.ts';

export interface TestLaneOptions
  extends Pick<LaneOptions, 'runtime' | 'journal'>,
    Partial<Omit<LaneOptions, 'runtime' | 'journal'>> {
  /** Of the adapter. */
  readonly id: string;
  readonly retry?: RetryPolicy;
}

/** A lane of which a test names what it is about: nobody has set anything, and nothing was delivered before. */
export function createTestLane({ id, retry = DEFAULT_RETRY, newestSeq = 0, ...options }: TestLaneOptions): Lane {
  return new Lane({
    adapter: { id, package: `@hms-sync/adapter-${id}`, version: '1.0.0' },
    delivery: {},
    rules: { retry, maxCrashes: 3, onDeadLetter: 'continue', window: DEFAULT_WINDOW, recoveredToSeq: newestSeq },
    breakerPolicy: DEFAULT_BREAKER,
    clock: systemClock,
    seed: 1,
    newestSeq,
    totals: { unsettled: 0, deadLetters: 0 },
    onHeld: () => undefined,
    onChange: () => undefined,
    ...options,
  });
}
