import { setTimeout as elapse } from 'node:timers/promises';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { BreakerState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { present } from '../src/sync-client.ts';
import { OutageHub, type OutageLane } from './outage-hub.ts';

/** One of the promises about outages, and what was seen of it. */
export interface Shown {
  readonly statement: string;
  readonly seen: string;
  readonly holds: boolean;
}

/** How long things take: `short` for a minute in all. */
export interface OutageTimes {
  readonly healthyMs: number;
  readonly outageMs: number;
  readonly quietOutageMs: number;
  readonly flapMs: number;
  readonly flaps: number;
}

const PER_SECOND = 50;
/** One lane for each number of attempts. */
const ATTEMPTS: readonly OutageLane[] = [
  ['billing', { retry: { maxAttempts: 2 } }],
  ['records', { retry: { maxAttempts: 3 } }],
  ['scheduling', { retry: { maxAttempts: 10 } }],
];
const ONE_LANE: readonly OutageLane[] = [['billing', { retry: { maxAttempts: 3 } }]];
/** The half-open probe of a lane is 15 s away, and its backlog is to be delivered then. */
const RECOVERY_MS = 120_000;

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
const isOpen = ({ breaker }: { breaker?: { state: BreakerState } | undefined }) => breaker?.state === BreakerState.OPEN;
const isClosed = ({ breaker }: { breaker?: { state: BreakerState } | undefined }) =>
  breaker?.state === BreakerState.CLOSED;

/** Statements 1 and 4 under traffic: healthy, then an outage with a kill -9 in it, then well again. */
export async function showOutageUnderTraffic({ healthyMs, outageMs }: OutageTimes): Promise<readonly Shown[]> {
  const hub = await OutageHub.create(ATTEMPTS);
  try {
    hub.flow(PER_SECOND);
    await elapse(healthyMs);
    await hub.sandbox.setFault('*', { down: true });
    const downAtMs = Date.now();
    await hub.until(isOpen, 30_000);
    const opened = (await hub.health()).map(({ breaker }) => timestampMs(present(breaker?.since)));
    const openMs = Math.max(...opened) - downAtMs;
    await elapse(outageMs / 2);
    hub.flow(0);
    await hub.kill();
    await elapse(outageMs / 2);
    const during = await hub.deadLetters();
    await hub.sandbox.clearFaults();
    const recoveryMs = await hub.until(({ waiting }) => waiting === 0n, RECOVERY_MS);
    const after = await hub.deadLetters();
    return [
      {
        statement:
          '1 a total outage dead-letters nothing (under traffic, with 2, 3 and 10 attempts, and a kill -9 in it)',
        seen: `${hub.published} events at ${PER_SECOND}/s, ${seconds(outageMs)} down: ${during} dead letters during it, ${after} after; all delivered ${seconds(recoveryMs)} after it ended`,
        holds: during === 0 && after === 0,
      },
      {
        statement: '4 the breaker opens within 5 s of an outage under traffic',
        seen: `all three open ${seconds(openMs)} after the stand-ins went down, after ${seconds(healthyMs)} of healthy traffic`,
        holds: openMs <= 5_000,
      },
    ];
  } finally {
    await hub.remove();
  }
}

/** Statement 1 on a quiet lane: three events are too few for a breaker. */
export async function showOutageOnQuietLane({ quietOutageMs }: OutageTimes): Promise<readonly Shown[]> {
  const hub = await OutageHub.create(ATTEMPTS);
  try {
    const healthy = hub.publish();
    await hub.waitFor('the first event is delivered', () => hub.tookMs.has(healthy));
    await hub.sandbox.setFault('*', { down: true });
    const ids = Array.from({ length: 3 }, () => hub.publish());
    await elapse(quietOutageMs / 2);
    const attempts = Math.max(...ids.map((id) => hub.stands(id, 'billing').attempt));
    await hub.kill();
    await elapse(quietOutageMs / 2);
    const during = await hub.deadLetters();
    await hub.sandbox.clearFaults();
    hub.publish();
    const recoveryMs = await hub.until(({ waiting }) => waiting === 0n, RECOVERY_MS);
    const after = await hub.deadLetters();
    return [
      {
        statement: '1 a total outage dead-letters nothing (on a quiet lane, with a kill -9 in it)',
        seen: `3 events, ${attempts} attempts each before the kill with 2 allowed, ${seconds(quietOutageMs)} down: ${during} dead letters during it, ${after} after; all delivered ${seconds(recoveryMs)} after it ended`,
        holds: during === 0 && after === 0 && attempts > 2,
      },
    ];
  } finally {
    await hub.remove();
  }
}

/** Statements 3, 4 and 2, one after the other on one lane. */
export async function showPoison(): Promise<readonly Shown[]> {
  const hub = await OutageHub.create(ONE_LANE);
  try {
    await hub.sandbox.setFault('billing', { status: 500, match: { type: 'Poison' } });
    const alone = await showPoisonAlone(hub);
    const amid = await showPoisonAmidTraffic(hub);
    const quiet = await showQuietOpening(hub);
    return [amid, alone, quiet];
  } finally {
    await hub.remove();
  }
}

async function showPoisonAlone(hub: OutageHub): Promise<Shown> {
  const poison = ['a', 'b', 'c'].map((key) => hub.publish({ key, type: 'Poison' }));
  await hub.waitFor('poison has had its attempts', () => poison.every((id) => hub.stands(id, 'billing').attempt >= 4));
  const [before] = await hub.health();
  const early = await hub.deadLetters();
  const healthy = hub.publish();
  await hub.waitFor('the healthy event is delivered', () => hub.tookMs.has(healthy));
  const servedAtMs = performance.now();
  await hub.until(({ deadLetters }) => deadLetters === 3n, 30_000);
  const deadMs = performance.now() - servedAtMs;
  const tookMs = hub.tookMs.get(healthy) ?? Number.NaN;
  return {
    statement: '3 a few poison events alone do not open the breaker, and are dead letters once another was delivered',
    seen: `3 poison events with 4 attempts each: breaker ${BreakerState[before?.breaker?.state ?? 0]}, ${early} dead letters; a healthy event took ${seconds(tookMs)}, and ${seconds(deadMs)} later all 3 were dead letters`,
    holds: before !== undefined && isClosed(before) && early === 0 && tookMs <= 5_000,
  };
}

async function showPoisonAmidTraffic(hub: OutageHub): Promise<Shown> {
  const deadBefore = await hub.deadLetters();
  hub.flow(PER_SECOND);
  await elapse(1_000);
  const before = { published: hub.published, delivered: hub.tookMs.size };
  const id = hub.publish({ key: 'poison', type: 'Poison' });
  let wasOpen = false;
  await hub.until((health) => {
    wasOpen ||= !isClosed(health);
    return Number(health.deadLetters) > deadBefore;
  });
  const published = hub.published - before.published - 1;
  const delivered = hub.tookMs.size - before.delivered;
  hub.flow(0);
  await hub.until(({ waiting }) => waiting === 0n);
  const overtakenMs = hub.longestOvertakenMs(before.delivered);
  const { attempt, state } = hub.stands(id, 'billing');
  return {
    statement: '2 one poison event amid healthy traffic is a dead letter after its attempts, and nobody waits for it',
    seen: `dead letter after ${attempt} attempts (3 that count, and the last); ${delivered} of ${published} healthy events were delivered meanwhile, none after one that was published more than ${seconds(overtakenMs)} later; breaker ${wasOpen ? 'opened' : 'closed all the time'}`,
    // In the order of events, which a busy machine leaves as it is.
    holds: state === DeliveryState.DEAD_LETTERED && delivered > published / 2 && overtakenMs <= 1_000 && !wasOpen,
  };
}

async function showQuietOpening(hub: OutageHub): Promise<Shown> {
  // Nothing was answered for a while: the lane is quiet.
  await elapse(2_000);
  const known = hub.sandbox.countCalls().count;
  await hub.sandbox.setFault('billing', { status: 503 });
  let published = 0;
  const opened = async () => (await hub.health()).every(isOpen);
  while (published < 8 && !(await opened())) {
    const id = hub.publish();
    published += 1;
    await hub
      .waitFor('an attempt was made', () => hub.sandbox.calls().some(({ eventId }) => eventId === id), 10_000)
      .catch(() => undefined);
    await elapse(100);
  }
  const failing = new Set(
    hub.sandbox
      .calls()
      .slice(known)
      .map(({ eventId }) => eventId),
  ).size;
  await hub.sandbox.clearFaults();
  await hub.until(({ waiting }) => waiting === 0n);
  return {
    statement: '4 the breaker opens within the fifth failing delivery on a quiet lane',
    seen: `open after ${failing} different deliveries failed`,
    holds: failing <= 5 && published < 8,
  };
}

/** Statement 5. */
export async function showFlapping({ flaps, flapMs }: OutageTimes): Promise<readonly Shown[]> {
  const hub = await OutageHub.create(ATTEMPTS);
  try {
    hub.flow(20);
    for (let flap = 0; flap < flaps; flap += 1) {
      await elapse(flapMs);
      await hub.sandbox.setFault('*', { down: true });
      await elapse(flapMs);
      await hub.sandbox.clearFaults();
    }
    hub.flow(0);
    const recoveryMs = await hub.until(({ waiting }) => waiting === 0n, RECOVERY_MS);
    const gaps = hub.deliveredAtMs.map((atMs, index) => atMs - (hub.deliveredAtMs[index - 1] ?? atMs));
    const longestMs = Math.max(...gaps);
    const dead = await hub.deadLetters();
    return [
      {
        statement: `5 a flapping system (${seconds(flapMs)} up, ${seconds(flapMs)} down) neither dead-letters nor starves`,
        seen: `${hub.published} events in ${flaps} rounds: ${dead} dead letters; never longer than ${seconds(longestMs)} without a delivery; all delivered ${seconds(recoveryMs)} after the last round`,
        holds: dead === 0 && longestMs <= 4 * flapMs,
      },
    ];
  } finally {
    await hub.remove();
  }
}
