import { describe, expect, it } from 'vitest';
import { playSchedule } from './play.ts';
import { HubWorld } from './world.ts';

/** How many schedules are played. More on demand: HMS_SIM_SCHEDULES=1000000. */
const schedules = Number(process.env.HMS_SIM_SCHEDULES ?? 400);
/** Where they begin; one schedule again: HMS_SIM_SEED=<seed> HMS_SIM_SCHEDULES=1. */
const firstSeed = Number(process.env.HMS_SIM_SEED ?? 1);

/** What a schedule can meet. */
const EVERYTHING = [
  ...['accepted', 'duplicate', 'EVENT_ID_CONFLICT', 'JOURNAL_FULL', 'JOURNAL_FAILED', 'HUB_STOPPING'],
  ...['retrying', 'delivered', 'skipped', 'dead_lettered', 'discarded', 'returned', 'returned late'],
  ...['breaker open', 'breaker half_open', 'breaker closed', 'lane paused itself'],
  ...['not_ready', 'paused', 'breaker', 'throttled', 'key'].map((reason) => `held by ${reason}`),
  ...['probed', 'retried now', 'replayed', 'replayed with stale ones', 'given back', 'stale'],
  ...['killed', 'stopped', 'disk failed', 'taken over', 'reopened', 'lane lost'],
  ...['ack', 'held', 'followed'],
];

describe('a hub in a world of faults', () => {
  const met = new Set<string>();

  it(`keeps its promises in ${schedules} schedules from seed ${firstSeed}`, {
    timeout: 30 * schedules + 600_000,
  }, async () => {
    for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
      for (const what of (await play(seed)).keys()) met.add(what);
    }
  });

  it.runIf(schedules >= 300)('meets everything that can happen to it', () => {
    expect(EVERYTHING.filter((what) => !met.has(what))).toEqual([]);
  });

  it('plays a schedule again from its seed', async () => {
    expect([...(await play(7))]).toEqual([...(await play(7))]);
    expect([...(await play(7))]).not.toEqual([...(await play(8))]);
  });
});

async function play(seed: number): Promise<ReadonlyMap<string, number>> {
  try {
    return await playSchedule(new HubWorld(seed));
  } catch (cause) {
    const again = `npm run sim -- --schedules 1 --seed ${seed}`;
    throw new Error(`schedule ${seed}: ${cause instanceof Error ? cause.message : String(cause)}; again: ${again}`, {
      cause,
    });
  }
}
