import type { Call } from './call.ts';
import { suggestName } from './nearest-name.ts';
import { type FieldProblem, SandboxError } from './sandbox-error.ts';
import { isSystemName, type SystemName, systemNames } from './system.ts';

/** Which calls: those that fit everything that is given. */
export interface CallQuery {
  readonly system?: SystemName;
  readonly key?: string;
  readonly eventId?: string;
  readonly idempotencyKey?: string;
  /** Only calls after this sequence number. */
  readonly since?: number;
  /** At most this many, the oldest first. Absent: all that are remembered. */
  readonly limit?: number;
}

/** The answer of one page stays at a few megabytes; `since` asks for the next one. */
const LIMIT_MAX = 10_000;

/** A page of the control port when no limit is asked for. */
export const LIMIT_DEFAULT = 1_000;

export function fitsQuery(call: Call, query: CallQuery): boolean {
  return (
    (query.system === undefined || call.system === query.system) &&
    (query.key === undefined || call.key === query.key) &&
    (query.eventId === undefined || call.eventId === query.eventId) &&
    (query.idempotencyKey === undefined || call.idempotencyKey === query.idempotencyKey) &&
    (query.since === undefined || call.sequence > query.since)
  );
}

/** Reads one query parameter: its value, or what is wrong with it. */
type Reader = (written: string) => { readonly value: Partial<CallQuery> } | { readonly wrong: string };

function wholeNumber(name: 'since' | 'limit', min: number, max: number): Reader {
  return (written) => {
    const value = Number(written);
    return /^\d+$/.test(written) && value >= min && value <= max
      ? { value: { [name]: value } }
      : { wrong: `must be a whole number from ${min} to ${max}` };
  };
}

const readers: Readonly<Record<keyof CallQuery, Reader>> = {
  system: (written) =>
    isSystemName(written)
      ? { value: { system: written } }
      : { wrong: `there is no such system, ${suggestName(written, systemNames)}` },
  key: (key) => ({ value: { key } }),
  eventId: (eventId) => ({ value: { eventId } }),
  idempotencyKey: (idempotencyKey) => ({ value: { idempotencyKey } }),
  since: wholeNumber('since', 0, Number.MAX_SAFE_INTEGER),
  limit: wholeNumber('limit', 1, LIMIT_MAX),
};

/**
 * The query that the parameters of an address spell.
 *
 * @throws SandboxError `invalid_argument` that names each wrong parameter and, for an unknown one, the nearest right name
 */
export function parseCallQuery(parameters: URLSearchParams): CallQuery {
  const problems: FieldProblem[] = [];
  let query: CallQuery = {};
  for (const [name, written] of parameters) {
    if (!Object.hasOwn(readers, name)) {
      const description = `there is no such parameter, ${suggestName(name, Object.keys(readers))}`;
      problems.push({ field: name, description });
      continue;
    }
    const read = readers[name as keyof CallQuery](written);
    if ('wrong' in read) problems.push({ field: name, description: read.wrong });
    else query = { ...query, ...read.value };
  }
  if (problems.length > 0) throw SandboxError.invalid('query', problems);
  return query;
}
