import { type Mutant, mutate, withMethod } from './mutant.ts';

const lane = mutate<typeof import('../../src/lanes/lane.ts')>('lanes/lane');
const lanes = mutate<typeof import('../../src/lanes/lane-set.ts')>('lanes/lane-set');
const timer = mutate<typeof import('../../src/lanes/lane-timer.ts')>('lanes/lane-timer');
const live = mutate<typeof import('../../src/lanes/live-attempts.ts')>('lanes/live-attempts');
const breaker = mutate<typeof import('../../src/lanes/breaker.ts')>('lanes/breaker');
const outcome = mutate<typeof import('../../src/core/outcome.ts')>('core/outcome');
const record = mutate<typeof import('../../src/lanes/delivery-record.ts')>('lanes/delivery-record');
const key = mutate<typeof import('../../src/lanes/idempotency-key.ts')>('lanes/idempotency-key');
const contained = mutate<typeof import('../../src/lanes/contained.ts')>('lanes/contained');

let keys = 0;
const setTimers = new WeakSet<object>();

/** Faults in what performs the core's decisions. */
export const LANE_MUTANTS: readonly Mutant[] = [
  lanes('a lane does not hear that an older delivery was replayed', 'LaneSet', (original) =>
    withMethod(original, 'committed', (committed) => (commit) => {
      committed({ ...commit, reopened: [] });
    }),
  ),
  lanes('only the first lane of a commit hears of it', 'LaneSet', (original) =>
    withMethod(original, 'committed', (committed) => (commit) => {
      committed({ ...commit, lanes: new Map([...commit.lanes].slice(0, 1)) });
    }),
  ),
  lane('a lane that is lost goes on', 'Lane', (original) =>
    withMethod(original, 'committed', (committed) => ({ news, ...commit }) => {
      committed({ ...commit, news: news && { ...news, lostEpoch: 0 } });
    }),
  ),
  lane('a lane goes on though its operator paused it', 'Lane', (original) =>
    withMethod(original, 'pause', () => () => undefined),
  ),
  timer('a timer that is set is not moved to an earlier time', 'LaneTimer', (original) =>
    withMethod(original, 'scheduleBy', (scheduleBy, timer) => (atMs) => {
      if (setTimers.has(timer) || !Number.isFinite(atMs)) return;
      setTimers.add(timer);
      scheduleBy(atMs);
    }),
  ),
  live('what attempts that were let go came to is recorded', 'LiveAttempts', (original) =>
    withMethod(original, 'abandon', () => () => undefined),
  ),
  live('code is not asked to end at its deadline', 'LiveAttempts', (original) =>
    withMethod(original, 'expire', () => () => undefined),
  ),
  breaker('a breaker is not kept over a restart', 'Breaker', (original) =>
    withMethod(original, 'restore', () => () => undefined),
  ),
  outcome('permanent outcomes count against the breaker', 'countsAgainstBreaker', (original) => (ended) => {
    return ended.kind === 'permanent' || original(ended);
  }),
  record('the record of an attempt leaves it out', 'deliveryRecord', (original) => (effect, by) => {
    const { attempt: _, ...rest } = original(effect, by);
    return rest;
  }),
  record('a record counts one attempt too few', 'deliveryRecord', (original) => (effect, by) => {
    const made = original(effect, by);
    return { ...made, attempts: Math.max(0, made.attempts - 1) };
  }),
  key('each attempt has an idempotency key of its own', 'idempotencyKey', (original) => (event, adapter) => {
    keys += 1;
    return `${original(event, adapter)}:${keys}`;
  }),
  contained('adapter code that throws ends the hub', 'deliverContained', () => async () => {
    throw new Error('not contained');
  }),
];
