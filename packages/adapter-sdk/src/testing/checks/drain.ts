import { setTimeout as delay } from 'node:timers/promises';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';

const TOGETHER = 8;
const DRAIN_MS = 5_000;

/** The hub drains an adapter before an upgrade and when it stops. */
export const drain: Check = {
  name: 'drain',
  title: 'drain loses nothing: running attempts end, delivered events took effect, and it can be configured again',
  run: async (context) => {
    const target = await context.ready();
    const release = Promise.withResolvers<void>();
    context.standIn.behave({ kind: 'hold', until: release.promise });
    const attempts = Array.from({ length: TOGETHER }, () => context.attempt());
    const outcomes = attempts.map((attempt) => context.deliver(target, attempt));
    must(
      await context.standIn.wrote(1, DRAIN_MS),
      'nothing was written for the events',
      'send the event to the system in push',
    );
    // Concurrent writes get time to arrive; an adapter that sends one after the other is fine too.
    await context.standIn.wrote(TOGETHER, 200);
    const drained = target.drain(DRAIN_MS);
    await delay(50);
    release.resolve();
    const unfinished = await drained;
    must(unfinished === 0, `drain left ${unfinished} of ${TOGETHER} deliveries`, 'let running attempts end');
    const settled = await Promise.all(outcomes);
    const delivered = attempts.filter((_attempt, index) => settled[index]?.kind === 'delivered');
    const written = JSON.stringify([...context.standIn.effects.values()]);
    const lost = delivered.filter(({ event, idempotencyKey }) =>
      [event.id, event.key, idempotencyKey].every((name) => !written.includes(name)),
    );
    must(
      lost.length === 0,
      `${lost.length} of ${TOGETHER} deliveries were reported as delivered, but never reached the system`,
      'return from push only when the system has responded; send nothing later',
    );
    const next = await context.deliver(await context.ready(), context.attempt());
    must(
      next.kind === 'delivered',
      `a delivery after Drain and Configure was ${next.kind}`,
      'accept deliveries again after Configure: a service may run longer than its hubs',
    );
  },
};
