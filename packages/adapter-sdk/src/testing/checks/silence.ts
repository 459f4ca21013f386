import { withinTime } from '../../host/time-bound.ts';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import { mustBeDelivered } from './delivering.ts';

/** How long the attempt is given. */
const DEADLINE_MS = 250;
/** From the abort to the outcome: far more than any code needs on a busy machine, and short enough to wait for. */
const GRACE_MS = 2_000;

/** A connection that breaks. */
export const reset: Check = {
  name: 'reset',
  title: 'a connection that is reset is retried',
  run: async (context) => {
    const target = await context.ready();
    context.standIn.behave({ kind: 'reset' });
    const outcome = await context.deliver(target);
    must(outcome.kind === 'retryable', `a reset connection was ${outcome.kind}`, 'throw Retryable: nobody knows');
    context.standIn.behaveWell();
    mustBeDelivered(await context.deliver(target), 'the event after a reset connection');
  },
};

/** A system that takes the request and says nothing. */
export const hang: Check = {
  name: 'hang',
  title: 'a system that does not answer is given up at the deadline, and retried',
  run: async (context) => {
    const target = await context.ready();
    context.standIn.behave({ kind: 'hang' });
    const outcome = await context.deliver(target, context.attempt({ timeoutMs: DEADLINE_MS }), {
      signal: AbortSignal.timeout(DEADLINE_MS),
      withinMs: DEADLINE_MS + GRACE_MS,
    });
    must(
      outcome.kind === 'retryable',
      `an attempt whose time was over was ${outcome.kind}`,
      'let the abort be thrown, or throw Retryable: it may have taken effect',
    );
  },
};

/** The hub stops, or the time is over: what runs is asked to end. */
export const abort: Check = {
  name: 'abort',
  title: 'an attempt ends when its signal aborts, and its request with it',
  run: async (context) => {
    const target = await context.ready();
    // What it reads before it writes is answered: a write that goes on is what does harm.
    context.standIn.behave({ kind: 'hang', only: 'writes' });
    const controller = new AbortController();
    const outcome = context.deliver(target, context.attempt(), { signal: controller.signal });
    const asked = await context.standIn.wrote(1, GRACE_MS);
    must(asked, 'nothing was written for the event', 'write in push what the system is to know');
    const brokenOff = context.standIn.brokenOff;
    controller.abort();
    const ended = await withinTime(GRACE_MS, () => outcome);
    must(
      !ended.late,
      `push had not settled ${GRACE_MS} ms after its signal aborted`,
      'hand context.signal to whatever is waited for',
    );
    const settled = ended.result;
    must(settled.kind === 'retryable', `an aborted attempt was ${settled.kind}`, 'let the abort be thrown');
    must(
      await context.standIn.brokeOff(brokenOff + 1, GRACE_MS),
      'the request of an aborted attempt went on',
      'hand context.signal to the request itself',
    );
  },
};
