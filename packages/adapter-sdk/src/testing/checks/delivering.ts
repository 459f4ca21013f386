import type { Outcome } from '../../outcome.ts';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import { IDEMPOTENCY_DEFAULT, isKeyShared } from '../effect.ts';

/** More than twice the usual concurrency. */
const TOGETHER = 20;

/** One outcome for each event, also when many come at once. */
export const oneOutcome: Check = {
  name: 'one-outcome',
  title: 'each of many events at once gets exactly one outcome, and its own idempotency key',
  run: async (context) => {
    const target = await context.ready();
    const attempts = Array.from({ length: TOGETHER }, () => context.attempt());
    const outcomes = await Promise.all(attempts.map((attempt) => context.deliver(target, attempt)));
    const [breach] = target.breaches();
    must(breach === undefined, String(breach), 'return exactly one outcome for every delivery, within its bounds');
    for (const outcome of outcomes) mustBeDelivered(outcome, `one of ${TOGETHER} events at once`);
    const effects = [...context.standIn.effects.values()];
    const { idempotency = IDEMPOTENCY_DEFAULT } = context.kit;
    const events = attempts.map(({ event }) => event);
    const isShared =
      effects.some((requests) => new Set(requests.map(({ body }) => body)).size > 1) ||
      isKeyShared(effects.flat(), { idempotency, events });
    must(
      !isShared,
      'different events were sent with the same idempotency key, so the system would drop all but one',
      'send context.idempotencyKey, which is different for each event',
    );
  },
};

/** An event that is delivered again, as after a crash, has one effect. */
export const duplicate: Check = {
  name: 'duplicate',
  title: 'an event that is delivered twice has one effect',
  run: async (context) => {
    const target = await context.ready();
    const first = context.attempt();
    mustBeDelivered(await context.deliver(target, first), 'an event');
    must(
      context.standIn.effects.size > 0,
      'an event was reported as delivered, and the system received nothing',
      'await the response of the system before push returns',
    );
    const { size: once } = context.standIn.effects;
    const again = { ...first, attempt: 2, redelivered: true };
    mustBeDelivered(await context.deliver(target, again), 'an event that was delivered before');
    const { effects } = context.standIn;
    must(
      effects.size === once,
      `an event that was delivered twice had ${effects.size} effects, and ${once} when it was delivered once`,
      'send context.idempotencyKey (as Idempotency-Key, or where idempotency of verify.json says), or write by PUT to ' +
        'a URL derived from the event. If the system supports neither: when context.redelivered is true, GET by an id ' +
        'that was written, and write only what is missing; declare a POST that only reads in reads of verify.json',
    );
  },
};

export function mustBeDelivered(outcome: Outcome, what: string): void {
  if (outcome.kind === 'delivered') return;
  const { kind, code, message } = outcome;
  must(
    false,
    `${what} was ${kind} (${code}: ${message})`,
    'check in verify.json that config uses {{url}}, and that answer and events match the system',
  );
}
