import { abandon } from './abandoned-promise.ts';
import { isAdapterError } from './adapter-error.ts';
import { connectionFailure } from './connection-failure.ts';
import { failed, isFailureKind, type Outcome, type Redact } from './outcome.ts';

/** A longer chain of causes is a loop or an attack. */
const CAUSES_MAX = 5;

/** The format of error codes such as `ECONNREFUSED`, `ERR_INVALID_URL`. */
const PROGRAM_CODE = /^[A-Z][A-Z0-9_]{2,63}$/;

/**
 * The outcome for a value that adapter code threw. It never throws, not even for null, a promise, a revoked proxy or an
 * error of 10 MB.
 *
 * - An error of the SDK becomes the outcome of its kind, cut to the bounds of {@link Outcome}.
 * - Anything else is `retryable`. Its code is the code of Node or undici on the value or its causes, else `UNKNOWN_ERROR`.
 * - **The message of a foreign error is withheld**: messages reach logs and operators, and `JSON.parse` and validators
 *   quote their input, which may be a payload. The outcome has the error's name and code, and for a failed connection a
 *   sentence of the SDK.
 *
 * @param redact redacts secrets in the message. Absent: nothing is redacted.
 */
export function outcomeOf(thrown: unknown, redact: Redact = (text) => text): Outcome {
  abandon(thrown);
  if (isAdapterError(thrown)) {
    const kind = peek(thrown, 'kind');
    if (isFailureKind(kind)) {
      const parts = {
        code: peek(thrown, 'code'),
        message: peek(thrown, 'message'),
        retryAfterMs: peek(thrown, 'retryAfterMs'),
        scope: peek(thrown, 'scope'),
      };
      return failed(kind, parts, redact);
    }
  }
  const code = codeOf(thrown) ?? 'UNKNOWN_ERROR';
  const sentence = connectionFailure(code) ?? withheld(thrown);
  return failed('retryable', { code, message: sentence, retryAfterMs: undefined, scope: undefined }, redact);
}

/** The error code of Node or undici on a thrown value or on its causes. Never throws. */
export function codeOf(thrown: unknown): string | undefined {
  let current = thrown;
  for (let depth = 0; depth < CAUSES_MAX && current !== undefined; depth += 1) {
    const code = peek(current, 'code');
    if (typeof code === 'string' && PROGRAM_CODE.test(code)) return code;
    const name = peek(current, 'name');
    if (name === 'AbortError') return 'ABORTED';
    if (name === 'TimeoutError') return 'TIMEOUT';
    // This error of undici does not always have a code.
    if (name === 'HTTPParserError') return 'HTTP_PARSE_ERROR';
    current = peek(current, 'cause');
  }
  return undefined;
}

/** The type of a value that adapter code threw or returned, never its content: `TypeError`, `a string`. Never throws. */
export function nameOf(thrown: unknown): string {
  if (thrown === null) return 'null';
  if (typeof thrown !== 'object' && typeof thrown !== 'function')
    return thrown === undefined ? 'undefined' : `a ${typeof thrown}`;
  const name = peek(thrown, 'name');
  if (typeof name === 'string' && /^[A-Za-z]\w{0,63}$/.test(name) && isError(thrown)) return name;
  if (typeof peek(thrown, 'then') === 'function') return 'a promise';
  if (typeof thrown === 'function') return 'a function';
  const tag = tagOf(thrown);
  return tag === undefined ? 'an object' : `${/^[AEIO]/i.test(tag) ? 'an' : 'a'} ${tag}`;
}

/** The class name of an object, such as `Response`; undefined for a plain object, and for a name that is not a word. */
function tagOf(value: object): string | undefined {
  try {
    const tag = Object.prototype.toString.call(value).slice('[object '.length, -1);
    return tag !== 'Object' && /^[A-Z]\w{0,63}$/i.test(tag) ? tag : undefined;
  } catch {
    // A revoked proxy.
    return undefined;
  }
}

/** A property of any value. Undefined when there is none, or when reading it throws. */
export function peek(value: unknown, name: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  try {
    return Reflect.get(value, name);
  } catch {
    // A getter or proxy that throws.
    return undefined;
  }
}

function isError(value: object): boolean {
  try {
    return value instanceof Error;
  } catch {
    // A revoked proxy.
    return false;
  }
}

function withheld(thrown: unknown): string {
  return (
    `the adapter threw ${nameOf(thrown)}, which is not an error of @hms-sync/adapter-sdk; ` +
    'its message is withheld because it could contain a payload'
  );
}
