import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type Ack, type DeliveryError, DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { type Acceptance, recipientWarnings } from '../publishing/intake.ts';
import { REQUEST_ERRORS, RequestError } from '../request-error.ts';
import type { JsonAnswer } from './answer-json.ts';

/** The status of an event after the wait: at each adapter, in alphabetical order. */
export interface SettledStatus {
  readonly settled: boolean;
  readonly acks: readonly Ack[];
}

/**
 * What POST /sync answers about an accepted event: 200 when every adapter has it or does not take its type, 502 when
 * one ended without success, 202 while some are still trying.
 *
 * @param status undefined when it could not be read; then the adapters are left out
 */
export function syncAnswer(acceptance: Acceptance, status: SettledStatus | undefined): JsonAnswer {
  const { event, duplicate } = acceptance;
  const outcome = outcomeOf(status);
  const warnings = recipientWarnings(acceptance);
  const adapters = Object.fromEntries((status?.acks ?? []).map((ack) => [ack.adapter, toAdapter(ack)]));
  return {
    status: STATUSES[outcome],
    body: {
      status: outcome,
      event_id: event.id,
      source: event.source,
      duplicate,
      adapters,
      ...(warnings.length > 0 && { warnings }),
    },
  };
}

const STATUSES = { ok: 200, pending: 202, failed: 502 } as const;

function outcomeOf(status: SettledStatus | undefined): keyof typeof STATUSES {
  if (status?.acks.some(({ state }) => state === DeliveryState.DEAD_LETTERED || state === DeliveryState.DISCARDED)) {
    return 'failed';
  }
  return status?.settled === true ? 'ok' : 'pending';
}

function toAdapter({ state, attempt, receipt, error, heldBy, nextAttemptTime }: Ack) {
  return {
    state: DeliveryState[state],
    attempt,
    ...(receipt !== '' && { receipt }),
    ...(error !== undefined && { error: toError(error) }),
    ...(heldBy !== HeldBy.UNSPECIFIED && { held_by: HeldBy[heldBy] }),
    ...(nextAttemptTime !== undefined && { next_attempt_time: timestampDate(nextAttemptTime).toISOString() }),
  };
}

function toError({ kind, code, message }: DeliveryError) {
  return { kind: OutcomeKind[kind], code, message };
}

/** A request error as an answer on a plain HTTP path. */
export function errorAnswer({ reason, message, fields, retryAfterMs }: RequestError): JsonAnswer {
  const { code, httpStatus } = REQUEST_ERRORS[reason];
  return {
    status: httpStatus,
    headers: {
      ...(retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
      // RFC 9110, section 15.5.2.
      ...(httpStatus === 401 && { 'www-authenticate': 'Bearer realm="hms-sync"' }),
    },
    body: { status: 'refused', code, reason, message, fields },
  };
}

/**
 * The same error in the sender's words.
 *
 * @param names what the sender calls the fields, by their paths in the contract
 */
export function inWordsOf(names: Readonly<Record<string, string>>, rejection: RequestError): RequestError {
  const { reason, retryAfterMs, metadata } = rejection;
  let { message } = rejection;
  const fields = rejection.fields.map(({ field: path, description }) => {
    const field = names[path] ?? path;
    message = message.replace(`${path} ${description}`, () => `${field} ${description}`);
    return { field, description };
  });
  return new RequestError(reason, message, { fields, metadata, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}
