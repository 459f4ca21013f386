import { setTimeout as elapse } from 'node:timers/promises';
import type { ClusterDatabase } from './cluster-database.ts';
import type { ClusterHub } from './cluster-hub.ts';

/** What is done to one hub, or to all at once. Resolves when it is over; what it was done to may still recover. */
export type ClusterFault = { readonly what: string; readonly share: number } & (
  | { readonly to: 'one'; readonly run: (hub: ClusterHub, scene: FaultScene) => Promise<void> }
  | { readonly to: 'all'; readonly run: (hubs: readonly ClusterHub[], scene: FaultScene) => Promise<void> }
);

export interface FaultScene {
  readonly database: ClusterDatabase;
  /** A whole number from 0 to below the limit. */
  readonly random: (limit: number) => number;
}

/** Shorter than the time after which a hub stops by itself. */
const SHORT_MS = 2_000;
/** Longer than it takes until another hub has its lanes. */
const LONG_MS = 25_000;
/** A new owner begins within this, or did so a moment ago. */
const BEGINNING_MS = 4_000;

/** Everything that hubs and their database may meet, with how often. */
const CLUSTER_FAULTS: readonly ClusterFault[] = [
  one('kill -9', 3, (hub) => hub.kill()),
  one('planned stop', 2, (hub) => hub.stop()),
  one('freeze, short', 2, (hub) => hub.freeze(false, elapse(SHORT_MS))),
  one('freeze, long', 2, (hub) => hub.freeze(false, elapse(LONG_MS))),
  one('freeze until another hub takes over', 4, (hub, scene) => hub.freeze(false, takenOver(scene))),
  one('freeze with adapters, short', 2, (hub) => hub.freeze(true, elapse(SHORT_MS))),
  one('freeze with adapters, long', 2, (hub) => hub.freeze(true, elapse(LONG_MS))),
  one('cut off by a black hole, short', 2, (hub) => cutOff(hub, SHORT_MS)),
  one('cut off by a black hole, long', 3, (hub) => cutOff(hub, LONG_MS)),
  one('connections reset', 2, async (hub) => hub.way.resetAll()),
  one('connections reset, again and again', 2, (hub) => resetFor(hub, LONG_MS)),
  one('backends terminated', 3, (hub, { database }) => database.terminate(hub.name)),
  all('PostgreSQL restarted at once', 3, (_, { database }) => database.crash()),
  all('all hubs killed', 1, async (hubs) => {
    await Promise.all(hubs.map((hub) => hub.kill()));
  }),
  all('all hubs stopped one by one', 1, async (hubs) => {
    for (const hub of hubs) await hub.stop();
  }),
];

/** @param part of what they are called; all when it is empty */
export function faultsCalled(part: string): readonly ClusterFault[] {
  return CLUSTER_FAULTS.filter(({ what }) => what.includes(part)).flatMap((fault) =>
    Array.from({ length: fault.share }, () => fault),
  );
}

function one(what: string, share: number, run: (hub: ClusterHub, scene: FaultScene) => Promise<void>): ClusterFault {
  return { what, share, to: 'one', run };
}

function all(
  what: string,
  share: number,
  run: (hubs: readonly ClusterHub[], scene: FaultScene) => Promise<void>,
): ClusterFault {
  return { what, share, to: 'all', run };
}

async function takenOver({ database, random }: FaultScene): Promise<void> {
  await database.ownerChanged(LONG_MS);
  await elapse(random(BEGINNING_MS));
}

async function cutOff({ way }: ClusterHub, forMs: number): Promise<void> {
  way.disturb('to_server', { kind: 'black_hole' });
  way.disturb('to_client', { kind: 'black_hole' });
  await elapse(forMs);
  way.heal();
}

async function resetFor({ way }: ClusterHub, forMs: number): Promise<void> {
  way.disturb('to_server', { kind: 'reset', afterBytes: 0 });
  await elapse(forMs);
  way.heal();
}
