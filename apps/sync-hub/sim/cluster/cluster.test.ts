import { describe, expect, it } from 'vitest';
import { Cluster } from './cluster.ts';
import { playCluster } from './cluster-schedule.ts';

/** How many schedules are played. More on demand: HMS_SIM_SCHEDULES=100000. */
const schedules = Number(process.env.HMS_SIM_SCHEDULES ?? 120);
/** Where they begin; one schedule again: HMS_SIM_SEED=<seed> HMS_SIM_SCHEDULES=1. */
const firstSeed = Number(process.env.HMS_SIM_SEED ?? 1);

/** What a schedule can meet. */
const EVERYTHING = [
  ...['process started', 'planned stop', 'stopped', 'rejoin', 'reconnect', 'hold', 'resume'],
  ...['open', 'drain', 'close', 'claim', 'release', 'settle', 'takeover', 'taken back', 'gave back', 'handed over'],
  ...['pulse', 'claim', 'release'].map((request) => `lost answer of a ${request}`),
  ...['a pulse that arrived late', 'lane lost by a write', 'a lane without an owner was shown'],
];

describe('hubs that share a database, in a world of faults', () => {
  const met = new Set<string>();

  it(`keep their promises in ${schedules} schedules from seed ${firstSeed}`, {
    timeout: 5 * schedules * 1_000 + 600_000,
  }, () => {
    for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
      for (const what of play(seed).keys()) met.add(what);
    }
  });

  it.runIf(schedules >= 120)('meet everything that can happen to them', () => {
    expect(EVERYTHING.filter((what) => !met.has(what))).toEqual([]);
  });

  it('play a schedule again from its seed', () => {
    expect([...play(7)]).toEqual([...play(7)]);
    expect([...play(7)]).not.toEqual([...play(8)]);
  });
});

function play(seed: number): ReadonlyMap<string, number> {
  try {
    return playCluster(new Cluster(seed));
  } catch (cause) {
    const again = `npm run sim -- --of cluster --schedules 1 --seed ${seed}`;
    throw new Error(`schedule ${seed}: ${cause instanceof Error ? cause.message : String(cause)}; again: ${again}`, {
      cause,
    });
  }
}
