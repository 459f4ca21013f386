import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import type { Subject, Target } from '../target.ts';
import type { VerificationContext } from '../verification-context.ts';
import { mustBeDelivered } from './delivering.ts';

/** A connection's last packets and timers take a moment to go. */
const SETTLE_MS = 3_000;
const LOOK_EVERY_MS = 50;

/** Less than an event takes, and V8's own ups and downs, which do not grow with the number of events. */
const GROWTH_PER_EVENT_MAX_BYTES = 512;
const GROWTH_ALLOWED_BYTES = 2 * 1024 * 1024;
/** Caches and compiled code come about in the first part, which is not counted. */
const WARM_UP = 0.3;
const AT_A_TIME = 50;
/** Travels with each event, so that one that is kept is seen. */
const FILLER_BYTES = 4_096;

function inThisProcess({ inThisProcess }: Subject): string | undefined {
  return inThisProcess ? undefined : 'it runs in another process, whose memory and handles cannot be seen from here';
}

/** Closed is closed: nothing keeps its process alive. */
export const handles: Check = {
  name: 'handles',
  title: 'nothing is left open after close: no timer, no connection',
  blind: inThisProcess,
  run: async (context) => {
    const before = openHandles();
    const target = await context.ready();
    await target.check();
    for (let n = 0; n < 3; n += 1) mustBeDelivered(await context.deliver(target), 'an event');
    await target.close();
    const endsAt = performance.now() + SETTLE_MS;
    for (;;) {
      const left = leftOver(before);
      if (left.length === 0) return;
      must(
        performance.now() < endsAt,
        `after close there is still open: ${left.join(', ')}`,
        'clear every timer and close every connection in close',
      );
      await delay(LOOK_EVERY_MS);
    }
  },
};

/** A hub runs for months. */
export const heap: Check = {
  name: 'heap',
  title: 'memory stays flat over 10,000 events',
  blind: inThisProcess,
  run: async (context) => {
    const target = await context.ready();
    context.standIn.forgetRequests();
    const warmUp = Math.ceil(context.heapEvents * WARM_UP);
    await deliverMany(context, target, warmUp);
    const before = await heldBytes();
    const counted = context.heapEvents - warmUp;
    await deliverMany(context, target, counted);
    const grown = (await heldBytes()) - before;
    must(
      grown < Math.max(counted * GROWTH_PER_EVENT_MAX_BYTES, GROWTH_ALLOWED_BYTES),
      `over ${counted} events ${Math.round(grown / counted)} bytes were kept of each`,
      'keep nothing of an event once push has settled: no list, no cache without bound, no listener on the signal',
    );
  },
};

async function deliverMany(context: VerificationContext, target: Target, count: number): Promise<void> {
  let left = count;
  const work = async () => {
    while (left > 0) {
      left -= 1;
      const { event, ...attempt } = context.attempt();
      const filler = `${event.id}${'.'.repeat(FILLER_BYTES)}`;
      const filled = { ...event, attributes: { ...event.attributes, filler: Buffer.from(filler).toString() } };
      // Whatever it comes to: other checks look at that.
      await context.deliver(target, { ...attempt, event: filled });
    }
    context.standIn.forgetRequests();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

async function heldBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  for (let n = 0; n < 3; n += 1) {
    if (typeof collect === 'function') collect();
    // What is freed by a callback of a collected thing is free after the next turn.
    await delay(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function openHandles(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** What there is more of than before. Turns that are about to run are no handles. */
function leftOver(before: ReadonlyMap<string, number>): readonly string[] {
  return [...openHandles()]
    .filter(([name, count]) => !PASSING_RESOURCES.has(name) && count > (before.get(name) ?? 0))
    .map(([name, count]) => `${count - (before.get(name) ?? 0)} ${name}`);
}

const PASSING_RESOURCES = new Set(['Immediate', 'TickObject', 'CloseReq']);
