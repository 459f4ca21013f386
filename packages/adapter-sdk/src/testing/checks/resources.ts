import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import type { Subject, Target } from '../target.ts';
import type { VerificationContext } from '../verification-context.ts';
import { mustBeDelivered } from './delivering.ts';

/** Connections and timers need a moment to close. */
const SETTLE_MS = 3_000;
const LOOK_EVERY_MS = 50;

/** Less than the size of an event; and an allowance for V8's own variation, independent of the number of events. */
const GROWTH_PER_EVENT_MAX_BYTES = 512;
const GROWTH_ALLOWED_BYTES = 2 * 1024 * 1024;
/** The share of events that fill caches and compile code; it is not counted. */
const WARM_UP = 0.3;
const AT_A_TIME = 50;
/** Added to each event, so that a leak of events is visible. */
const FILLER_BYTES = 4_096;

function inThisProcess({ inThisProcess }: Subject): string | undefined {
  return inThisProcess ? undefined : 'its memory and handles are in another process';
}

/** After close, nothing keeps the process alive. */
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
        `still open after close: ${left.join(', ')}`,
        'clear every timer and close every connection in close',
      );
      await delay(LOOK_EVERY_MS);
    }
  },
};

/** Memory does not grow with the number of events. */
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
      `memory grew by ${Math.round(grown / counted)} bytes per event, over ${counted} events`,
      'keep nothing of an event when push has settled: no list, no cache without bound, no listener on the signal',
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
      // Other checks verify the outcome.
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
    // Finalizers run in a later turn.
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

/** The resources of which there are more than before, except those that end soon by themselves. */
function leftOver(before: ReadonlyMap<string, number>): readonly string[] {
  return [...openHandles()]
    .filter(([name, count]) => !PASSING_RESOURCES.has(name) && count > (before.get(name) ?? 0))
    .map(([name, count]) => `${count - (before.get(name) ?? 0)} ${name}`);
}

const PASSING_RESOURCES = new Set(['Immediate', 'TickObject', 'CloseReq']);
