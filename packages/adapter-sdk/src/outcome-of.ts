import { abandon } from './abandoned-promise.ts';
import { isAdapterError } from './adapter-error.ts';
import { connectionFailure } from './connection-failure.ts';
import { failed, isFailureKind, type Outcome, type Redact } from './outcome.ts';

/** Errors wrap one another a few times; a chain that goes on is a loop or an attack. */
const CAUSES_MAX = 5;

/** A code chosen by a program, not user data: `ECONNREFUSED`, `ERR_INVALID_URL`. */
const PROGRAM_CODE = /^[A-Z][A-Z0-9_]{2,63}$/;

/**
 * The outcome of whatever adapter code threw. Total: it never throws, for null, a promise, a revoked proxy or an
 * error of 10 MB.
 *
 * - An error of the SDK is the outcome that it names, brought within the bounds of {@link Outcome}.
 * - Anything else is `retryable`: a delivery that might be possible is not thrown away. Its code is the code of Node
 *   or undici found on it or on its causes, else `UNKNOWN_ERROR`.
 * - **The message of a foreign error is withheld.** `JSON.parse` quotes its input, validators quote values: such a
 *   message may hold a payload, and messages reach logs and operators. It has its name, its code, and for a failed
 *   connection a sentence of our own.
 *
 * @param redact takes the secrets out of the message. Absent: nothing is taken out.
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

/** The code of Node, undici or the platform on a thrown value or on what caused it. Never throws. */
export function codeOf(thrown: unknown): string | undefined {
  let current = thrown;
  for (let depth = 0; depth < CAUSES_MAX && current !== undefined; depth += 1) {
    const code = peek(current, 'code');
    if (typeof code === 'string' && PROGRAM_CODE.test(code)) return code;
    const name = peek(current, 'name');
    if (name === 'AbortError') return 'ABORTED';
    if (name === 'TimeoutError') return 'TIMEOUT';
    // undici's error for bytes that are not HTTP has a code only at times.
    if (name === 'HTTPParserError') return 'HTTP_PARSE_ERROR';
    current = peek(current, 'cause');
  }
  return undefined;
}

/** What type of value adapter code threw or returned, never its content: `TypeError`, `a string`, `a Response`. Never throws. */
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

/** The class of an object as it names itself, such as `Response`; undefined for a plain object and for more than a word. */
function tagOf(value: object): string | undefined {
  try {
    const tag = Object.prototype.toString.call(value).slice('[object '.length, -1);
    return tag !== 'Object' && /^[A-Z]\w{0,63}$/i.test(tag) ? tag : undefined;
  } catch {
    // A revoked proxy has no class.
    return undefined;
  }
}

/** A property of anything. Undefined when there is none, or when reading it throws. */
export function peek(value: unknown, name: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  try {
    return Reflect.get(value, name);
  } catch {
    // A getter or proxy that throws has no value for us.
    return undefined;
  }
}

function isError(value: object): boolean {
  try {
    return value instanceof Error;
  } catch {
    // A revoked proxy has no prototype to look at.
    return false;
  }
}

function withheld(thrown: unknown): string {
  return (
    `the adapter threw ${nameOf(thrown)}, which is no error of @hms-sync/adapter-sdk; ` +
    'its message is withheld because it could hold a payload'
  );
}
