import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import type { OnDeadLetter } from '../core/lane-messages.ts';
import { DEFAULT_PREFETCH } from '../core/lane-state.ts';
import { DEFAULT_RETRY, longestDelayMs, type RetryPolicy } from '../core/retry.ts';
import type { Journal } from '../journal/journal.ts';
import { systemClock } from './clock.ts';
import type { LaneOptions } from './lane.ts';
import { Lane } from './lane.ts';

export interface TestLaneOptions
  extends Pick<LaneOptions, 'runtime'>,
    Partial<Omit<LaneOptions, 'runtime' | 'journal' | 'opened' | 'holdsKeys'>> {
  /** Of the adapter. */
  readonly id: string;
  readonly journal: Pick<Journal, 'openLane'> & LaneOptions['journal'];
  readonly retry?: RetryPolicy;
  readonly onDeadLetter?: OnDeadLetter;
}

/** Takes a lane over of which a test names what it is about: nobody has set anything else. It is not started. */
export async function openTestLane({
  id,
  journal,
  retry = DEFAULT_RETRY,
  onDeadLetter = 'continue',
  ...options
}: TestLaneOptions): Promise<Lane> {
  const { clock = systemClock } = options;
  const nowMs = clock.monotonicMs();
  const opened = await journal.openLane({ adapter: id, onDeadLetter, nowMs, longestWaitMs: longestDelayMs(retry) });
  return new Lane({
    adapter: { id, package: `@hms-sync/adapter-${id}`, version: '1.0.0' },
    delivery: {},
    rules: { retry, maxCrashes: 3, prefetch: DEFAULT_PREFETCH },
    holdsKeys: onDeadLetter === 'hold',
    breakerPolicy: DEFAULT_BREAKER,
    journal,
    opened,
    clock,
    seed: 1,
    onGateChange: () => undefined,
    onChange: () => undefined,
    ...options,
  });
}
