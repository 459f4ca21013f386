import { z } from 'zod';
import type { Call } from './call.ts';
import { suggestName } from './nearest-name.ts';
import { parseFields, wholeNumber } from './parse-fields.ts';
import { SYSTEM_NAMES, type SystemName } from './system.ts';

/** Selects the calls that match all given values. */
export interface CallQuery {
  readonly system?: SystemName | undefined;
  readonly key?: string | undefined;
  readonly eventId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Only calls after this sequence number. */
  readonly since?: number | undefined;
  /** At most this many, the oldest first. Absent: all that are kept. */
  readonly limit?: number | undefined;
}

/** So that one page has at most a few megabytes; `since` gets the next one. */
const LIMIT_MAX = 10_000;

/** The size of a page of the control port without `limit`. */
export const LIMIT_DEFAULT = 1_000;

export function matchesQuery(call: Call, query: CallQuery): boolean {
  return (
    (query.system === undefined || call.system === query.system) &&
    (query.key === undefined || call.key === query.key) &&
    (query.eventId === undefined || call.eventId === query.eventId) &&
    (query.idempotencyKey === undefined || call.idempotencyKey === query.idempotencyKey) &&
    (query.since === undefined || call.sequence > query.since)
  );
}

/** A number in an address is a text. */
function writtenNumber(min: number, max: number) {
  return z
    .string()
    .transform((text) => (/^\d+$/.test(text) ? Number(text) : Number.NaN))
    .pipe(wholeNumber(min, max))
    .optional();
}

const QUERY = z.strictObject({
  system: z
    .enum(SYSTEM_NAMES, {
      error: ({ input }) => `there is no such system, ${suggestName(String(input), SYSTEM_NAMES)}`,
    })
    .optional(),
  key: z.string().optional(),
  eventId: z.string().optional(),
  idempotencyKey: z.string().optional(),
  since: writtenNumber(0, Number.MAX_SAFE_INTEGER),
  limit: writtenNumber(1, LIMIT_MAX),
});

/**
 * Parses the query parameters of an address.
 *
 * @throws SandboxError `invalid_argument` that names each wrong parameter and, for an unknown one, the nearest valid name
 */
export function parseCallQuery(parameters: URLSearchParams): CallQuery {
  return parseFields('query', QUERY, Object.fromEntries(parameters));
}
