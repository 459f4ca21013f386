import { withinTime } from '../../host/time-bound.ts';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import { mustBeDelivered } from './delivering.ts';

/** How long the attempt is given. */
const DEADLINE_MS = 250;
/** From the abort to the outcome: enough on a busy machine. */
const GRACE_MS = 2_000;

/** A connection that breaks. */
export const reset: Check = {
  name: 'reset',
  title: 'a connection that is reset is retried',
  run: async (context) => {
    const target = await context.ready();
    context.standIn.behave({ kind: 'reset' });
    const outcome = await context.deliver(target);
    must(
      outcome.kind === 'retryable',
      `a reset connection was ${outcome.kind}`,
      'throw Retryable: the result is unknown',
    );
    context.standIn.behaveWell();
    mustBeDelivered(await context.deliver(target), 'the event after a reset connection');
  },
};

/** A system that accepts the request and never responds. */
export const hang: Check = {
  name: 'hang',
  title: 'an attempt at a system that does not respond ends at its deadline, and is retried',
  run: async (context) => {
    const target = await context.ready();
    context.standIn.behave({ kind: 'hang' });
    const outcome = await context.deliver(target, context.attempt({ timeoutMs: DEADLINE_MS }), {
      signal: AbortSignal.timeout(DEADLINE_MS),
      withinMs: DEADLINE_MS + GRACE_MS,
    });
    must(
      outcome.kind === 'retryable',
      `an attempt that timed out was ${outcome.kind}`,
      'let the abort be thrown, or throw Retryable: it may have taken effect',
    );
  },
};

/** An attempt is aborted when the hub stops or the time is up. */
export const abort: Check = {
  name: 'abort',
  title: 'an attempt ends when its signal aborts, and its request with it',
  run: async (context) => {
    const target = await context.ready();
    // Reads are answered: the check is about a write that continues.
    context.standIn.behave({ kind: 'hang', only: 'writes' });
    const controller = new AbortController();
    const outcome = context.deliver(target, context.attempt(), { signal: controller.signal });
    const asked = await context.standIn.wrote(1, GRACE_MS);
    must(asked, 'nothing was written for the event', 'send the event to the system in push');
    const brokenOff = context.standIn.brokenOff;
    controller.abort();
    const ended = await withinTime(GRACE_MS, () => outcome);
    must(
      !ended.late,
      `push had not settled ${GRACE_MS} ms after its signal aborted`,
      'pass context.signal to everything that push awaits',
    );
    const settled = ended.result;
    must(settled.kind === 'retryable', `an aborted attempt was ${settled.kind}`, 'let the abort be thrown');
    must(
      await context.standIn.brokeOff(brokenOff + 1, GRACE_MS),
      'the request of an aborted attempt continued',
      'pass context.signal to the request itself',
    );
  },
};
