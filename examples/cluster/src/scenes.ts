import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Member } from './cluster.ts';
import type { EventLog } from './event-log.ts';
import type { Screen } from './screen.ts';

export interface Stage {
  readonly cluster: Cluster;
  readonly log: EventLog;
  readonly screen: Screen;
  /** How long nothing but publishing happens before each scene, and after the last one. */
  readonly calmMs: number;
}

/** One fault, until all hubs run again. */
export interface Scene {
  readonly name: string;
  /** @param hub the name of the hub that it is about, which runs most adapters */
  readonly title: (hub: string) => string;
  /** @param runs the adapters of that hub */
  readonly expected: (runs: string) => string;
  readonly play: (stage: Stage, member: Member) => Promise<void>;
}

/** Later than this nothing is waited for any more; the summary then says what is missing. */
const CAUGHT_UP_WITHIN_MS = 60_000;
const DATABASE_DOWN_MS = 3_000;

const KILL: Scene = {
  name: 'kill -9',
  title: (hub) => `kill -9 of ${hub}`,
  expected: (runs) =>
    `It runs ${runs}. The other hubs continue to accept events. They see that its beat stands still, and continue its ` +
    'deliveries after 18 to 21 s; until then those wait, in order. Then it is started again.',
  play: async ({ cluster, screen }, member) => {
    await member.hub.kill();
    await cluster.runsWithout(member);
    await startAgain(screen, member);
  },
};

export const PLANNED_STOP: Scene = {
  name: 'planned stop',
  title: (hub) => `planned stop of ${hub} (SIGTERM), as for an upgrade`,
  expected: (runs) =>
    `It runs ${runs}. It lets its attempts end and releases its adapters, and the others continue within about 2 s. ` +
    'Then it is started again.',
  play: async ({ cluster, screen }, member) => {
    await Promise.all([member.hub.stop(), cluster.runsWithout(member)]);
    await startAgain(screen, member);
  },
};

const PARTITION: Scene = {
  name: 'partition',
  title: (hub) => `partition: ${hub} loses the database, not the external systems`,
  expected: (runs) =>
    `It runs ${runs}. Its connection becomes a black hole. It begins no attempt after 6 s, and the others continue its ` +
    'deliveries after 18 to 21 s. Then the network is back; the hub exits, as it cannot know which writes took effect.',
  play: async ({ cluster, screen }, { hub, way }) => {
    way.disturb('to_server', { kind: 'black_hole' });
    way.disturb('to_client', { kind: 'black_hole' });
    await cluster.runsWithout({ hub, way });
    way.heal();
    screen.note(`${hub.name} reaches the database again`);
    await hub.ready;
  },
};

const DATABASE_RESTART: Scene = {
  name: 'database restart',
  title: () => 'PostgreSQL stops, and starts again after 3 s',
  expected: () =>
    'No hub accepts events meanwhile, so the publisher repeats. All hubs exit, and their supervisors start them again.',
  play: async ({ cluster, screen }) => {
    await cluster.database.stop();
    screen.note('PostgreSQL is down');
    await sleep(DATABASE_DOWN_MS);
    await cluster.database.start();
    screen.note('PostgreSQL is up');
    await Promise.all(cluster.members.map(({ hub }) => hub.ready));
  },
};

export const QUICK: readonly Scene[] = [KILL, PLANNED_STOP];
export const ALL: readonly Scene[] = [...QUICK, PARTITION, DATABASE_RESTART];

/** Plays them one after the other. */
export async function playAll(scenes: readonly Scene[], stage: Stage): Promise<void> {
  const { cluster, log, screen } = stage;
  // Until the adapters run.
  await calm(stage);
  log.chapter = 'no fault';
  await calm(stage);
  for (const scene of scenes) {
    const member = cluster.busiest;
    screen.chapter(scene.title(member.hub.name), scene.expected(listed(cluster.adaptersOf(member))));
    log.chapter = scene.name;
    await scene.play(stage, member);
    await calm(stage);
  }
}

async function calm({ log, calmMs }: Stage): Promise<void> {
  await sleep(calmMs);
  await log.settled(CAUGHT_UP_WITHIN_MS);
}

async function startAgain(screen: Screen, { hub }: Member): Promise<void> {
  await hub.start();
  screen.note(`${hub.name} is started again`);
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
