import { describe, expect, it } from 'vitest';
import { LaneWorld } from '../../sim/lane/world.ts';

/** How many schedules are played. More on demand: HMS_SIM_SCHEDULES=1000000. */
const schedules = Number(process.env.HMS_SIM_SCHEDULES ?? 5_000);
/** Where they begin; one schedule again: HMS_SIM_SEED=<seed> HMS_SIM_SCHEDULES=1. */
const firstSeed = Number(process.env.HMS_SIM_SEED ?? 1);

/** Schedules that once broke a promise. */
const KEPT_SEEDS: readonly number[] = [];

const EVERYTHING = [
  ...['arrived', 'fetched', 'recorded', 'breaker_changed', 'runtime_changed', 'paused', 'resumed', 'draining'],
  ...[
    'reopened',
    'dead_letter_discarded',
    'discard',
    'looked_up',
    'kept',
    'probe',
    'retry_now',
    'time_passed',
    'restart',
  ],
  ...['attempt', 'probe sent', 'backlog page', 'overflow page', 'passed_over page'],
  ...['delivered', 'retryable', 'throttled', 'permanent', 'misconfigured', 'crashed'].map((kind) => `ended ${kind}`),
  ...['delivered', 'skipped', 'dead_lettered', 'discarded', 'retrying', 'not sent'],
  ...['not_ready', 'paused', 'breaker', 'throttled', 'key'].map((reason) => `held by ${reason}`),
];

describe('a lane in a world of faults', () => {
  it(`keeps its promises in ${schedules} schedules from seed ${firstSeed}`, () => {
    for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) play(seed);
  });

  it.each(KEPT_SEEDS)('keeps its promises in schedule %i', (seed) => {
    play(seed);
  });

  it('plays a schedule again from its seed', () => {
    expect([...play(7)]).toEqual([...play(7)]);
    expect([...play(7)]).not.toEqual([...play(8)]);
  });

  it('meets everything that can happen to a lane', () => {
    const met = new Set<string>();
    for (let seed = 1; seed <= 300; seed += 1) for (const what of play(seed).keys()) met.add(what);
    expect([...met].sort()).toEqual([...EVERYTHING].sort());
  });
});

function play(seed: number): ReadonlyMap<string, number> {
  try {
    return new LaneWorld(seed).run();
  } catch (cause) {
    const replay = `HMS_SIM_SEED=${seed} HMS_SIM_SCHEDULES=1 vitest run src/core/lane.simulation.test.ts`;
    throw new Error(`schedule ${seed}: ${cause instanceof Error ? cause.message : String(cause)}; again: ${replay}`, {
      cause,
    });
  }
}
