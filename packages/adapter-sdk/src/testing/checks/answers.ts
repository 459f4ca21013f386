import type { Outcome, OutcomeKind } from '../../outcome.ts';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import type { StandInAnswer } from '../exchange.ts';
import type { VerificationContext } from '../verification-context.ts';

const RETRY_AFTER_S = 7;

/** 429: the system limits the rate. */
export const throttling: Check = {
  name: 'throttling',
  title: '429 is throttled, for as long as Retry-After says',
  run: async (context) => {
    const answer = { status: 429, headers: { 'retry-after': String(RETRY_AFTER_S) } };
    const outcome = await outcomeOf(context, answer, ['throttled'], 'Throttled(message, { retryAfterMs })');
    const waitMs = outcome.kind === 'throttled' ? outcome.retryAfterMs : 0;
    must(
      waitMs > (RETRY_AFTER_S - 1) * 1000 && waitMs <= (RETRY_AFTER_S + 1) * 1000,
      `Retry-After: ${RETRY_AFTER_S} became ${waitMs} ms`,
      'pass the seconds of Retry-After on as retryAfterMs, in milliseconds',
    );
  },
};

/** 5xx: the system has a temporary fault. */
export const serverFailure: Check = {
  name: 'server-failure',
  title: '500, 502 and 503 are retried',
  run: async (context) => {
    for (const status of [500, 502, 503]) await outcomeOf(context, { status }, ['retryable'], 'Retryable');
  },
};

/** 400, 422: the system will never accept this event. */
export const refusal: Check = {
  name: 'refusal',
  title: '400 and 422 are permanent',
  run: async (context) => {
    for (const status of [400, 422]) await outcomeOf(context, { status }, ['permanent'], 'Permanent');
  },
};

/** 401, 403: the system accepts no event until an operator acts. */
export const credentials: Check = {
  name: 'credentials',
  title: '401 and 403 pause the adapter until an operator replaces the credential',
  run: async (context) => {
    for (const status of [401, 403]) {
      await outcomeOf(context, { status }, ['unauthorized', 'misconfigured'], 'Unauthorized');
    }
  },
};

async function outcomeOf(
  context: VerificationContext,
  answer: StandInAnswer,
  kinds: readonly OutcomeKind[],
  error: string,
): Promise<Outcome> {
  const target = await context.ready();
  context.standIn.behave({ kind: 'answer', answer });
  const outcome = await context.deliver(target);
  context.standIn.behaveWell();
  must(
    kinds.includes(outcome.kind),
    `HTTP ${answer.status} was ${outcome.kind}`,
    `throw ${error}, as pool.post of the SDK does`,
  );
  return outcome;
}
