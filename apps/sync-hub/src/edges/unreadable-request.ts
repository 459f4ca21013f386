import { type JsonError, NESTING_MAX } from '@hms-sync/proto/json';
import type { WireError } from '@hms-sync/proto/wire';
import { RequestError } from './request-error.ts';

/**
 * How many values the JSON of a request may hold: four bytes for each in the largest payload. What protobuf makes of
 * each takes more than a microsecond, so this many are a tenth of a second.
 */
export const VALUES_MAX = 65_536;
/** The same in protobuf, where a member of a Struct has four fields. */
export const FIELDS_MAX = 4 * VALUES_MAX;
/** Of a request as a whole: enough to read one that is nested too deep and to refuse that event alone. */
export const REQUEST_NESTING_MAX = 4 * NESTING_MAX;

/** What of a request is the event: its names in the rpcs, in POST /sync and in CloudEvents. */
const EVENT = /^(?:events?|payload|data)(?:\.|$)/;

/**
 * Why a request is not read, in the words of the edges: with the field, and nothing of its content.
 *
 * @param whole what the sender calls the request as a whole
 */
export function unreadable(
  { code, path, message }: Pick<JsonError | WireError, 'code' | 'path' | 'message'>,
  whole = 'the request',
): RequestError {
  const description = code === 'too_deep' ? `is nested deeper than ${NESTING_MAX} levels; flatten it` : message;
  const reason = EVENT.test(path) ? 'EVENT_INVALID' : 'REQUEST_INVALID';
  return new RequestError(code === 'too_many' ? 'REQUEST_TOO_LARGE' : reason, `${path || whole} ${description}`, {
    fields: path === '' ? [] : [{ field: path, description }],
  });
}
