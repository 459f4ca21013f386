import { z } from 'zod';
import { parseFields, wholeNumber } from './parse-fields.ts';
import { type FieldProblem, SandboxError } from './sandbox-error.ts';

/** Ten minutes: longer than any deadline that a hub may set, and far below the limit of a timer. */
const DURATION_MAX_MS = 600_000;

const EMPTY_MATCH = 'must be an object with at least one of key, eventId, type';

/** The values that a call must have for the fault to apply: all that are named here. */
const MATCH = z.strictObject(
  { key: text().optional(), eventId: text().optional(), type: text().optional() },
  { error: ({ code }) => (code === 'invalid_type' ? EMPTY_MATCH : undefined) },
);

/**
 * How a stand-in misbehaves. Parts combine (a latency and a status), but a call fails in one way only: `status`, `hang`
 * or `reset`. `down` combines with nothing.
 */
const FAULT = z.strictObject(
  {
    /** The response (or the failure) is delayed by this much. */
    latencyMs: number(0, DURATION_MAX_MS).optional(),
    /** A random additional delay, up to this much, drawn for each call. */
    jitterMs: number(0, DURATION_MAX_MS).optional(),
    /** The share of calls that fail. Absent: all of them. How they fail: see `status`, `hang`, `reset`. */
    errorRate: number(0, 1).optional(),
    /** Calls fail with this response. 503 when only `errorRate` or `retryAfter` is given. */
    status: wholeNumber(300, 599).optional(),
    /** The Retry-After header of that response, seconds or a date, sent as given: so it must not contain a line break. */
    retryAfter: z
      .string('must be a string of 1 to 64 visible ASCII characters, such as "2"')
      .regex(/^[\x20-\x7e]{1,64}$/, 'must be a string of 1 to 64 visible ASCII characters, such as "2"')
      .optional(),
    /** The port is closed: connections are refused, and open ones are cut. */
    down: flag().optional(),
    /** Calls are accepted and never answered; their connections are cut when the fault is cleared or replaced. */
    hang: flag().optional(),
    /** Connections end with a TCP reset instead of a response. */
    reset: flag().optional(),
    /** The headers are sent at once, the body in small pieces over this time. */
    slowBodyMs: number(0, DURATION_MAX_MS).optional(),
    /** A call that fails is applied before it fails: the caller loses the response, not the effect. */
    afterEffect: flag().optional(),
    /** The fault ends after it applied to this many calls. Absent: it stays until it is cleared. */
    times: wholeNumber(1, 1_000_000_000).optional(),
    match: MATCH.optional(),
  },
  { error: ({ code }) => (code === 'invalid_type' ? 'it must be an object such as {"status":503}' : undefined) },
);

/** See the fields of `FAULT`. */
export type Fault = Readonly<z.output<typeof FAULT>>;
export type FaultMatch = Readonly<z.output<typeof MATCH>>;

function number(min: number, max: number) {
  const error = `must be a number from ${min} to ${max}`;
  return z.number(error).min(min, error).max(max, error);
}

function text() {
  return z.string('must be a string');
}

function flag() {
  return z.boolean('must be true or false');
}

/** Fields that contradict each other, or that together have no effect. */
function combinationProblems(fault: Fault): FieldProblem[] {
  if (fault.match && Object.keys(fault.match).length === 0) return [{ field: 'match', description: EMPTY_MATCH }];
  const given = Object.entries(fault).flatMap(([name, value]) => (value === false ? [] : [name as keyof Fault]));
  const hasAny = (...names: readonly (keyof Fault)[]) => names.some((name) => given.includes(name));
  if (fault.down) {
    const others = given.filter((name) => name !== 'down');
    return others.map((field) => ({ field, description: 'cannot be together with down: a closed port gets no calls' }));
  }
  const problems: FieldProblem[] = [];
  if (fault.hang && fault.reset) problems.push({ field: 'reset', description: 'cannot be together with hang' });
  if (fault.hang || fault.reset) {
    const silent = fault.hang ? 'hang' : 'reset';
    const useless = given.filter((name) => ['status', 'retryAfter', 'slowBodyMs'].includes(name));
    const description = `cannot be together with ${silent}, which never answers`;
    problems.push(...useless.map((field) => ({ field, description })));
  }
  const fails = hasAny('errorRate', 'status', 'retryAfter', 'hang', 'reset');
  if (fault.afterEffect && !fails) {
    problems.push({ field: 'afterEffect', description: 'needs a failure: one of status, errorRate, hang, reset' });
  } else if (!fails && !hasAny('latencyMs', 'jitterMs', 'slowBodyMs')) {
    const effects = 'latencyMs, jitterMs, slowBodyMs, errorRate, status, retryAfter, hang, reset, down';
    problems.push({ field: '', description: `it does nothing, name at least one of ${effects}` });
  }
  return problems;
}

/**
 * Returns the fault that `value` describes, as a copy.
 *
 * @throws SandboxError `invalid_argument` that names each wrong field and, for an unknown one, the nearest valid name
 */
export function parseFault(value: unknown): Fault {
  const fault = parseFields('fault', FAULT, value);
  const problems = combinationProblems(fault);
  if (problems.length > 0) throw SandboxError.invalid('fault', problems);
  return fault;
}

/** How a call fails. */
export type Failure =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' };

/** How the stand-in handles one call. */
export interface Treatment {
  readonly delayMs: number;
  readonly slowBodyMs: number;
  readonly failure: Failure | null;
  /** Whether the change is applied, even if the call then fails. */
  readonly applied: boolean;
}

/** The values of a call that a fault can match. */
export interface CallFacts {
  readonly key: string | null;
  readonly eventId: string | null;
  readonly type: string | null;
}

/** The treatment without a fault. */
export const UNTROUBLED: Treatment = { delayMs: 0, slowBodyMs: 0, failure: null, applied: true };

/** The usual response of a gateway whose backend is down. */
const STATUS_DEFAULT = 503;

/** A fault that is set on one stand-in: it draws its own random numbers and counts the calls that it applied to. */
export class ArmedFault {
  readonly fault: Fault;
  readonly #random: Random;
  #calls = 0;

  constructor(fault: Fault, random: Random) {
    this.fault = fault;
    this.#random = random;
  }

  /** How many calls matched so far, including those that `errorRate` let succeed. */
  get calls(): number {
    return this.#calls;
  }

  /** Whether `times` is used up. */
  get isSpent(): boolean {
    return this.fault.times !== undefined && this.#calls >= this.fault.times;
  }

  /** Decides about one call, and counts it if it matches. */
  treat(call: CallFacts): Treatment {
    if (this.isSpent || !this.#matches(call)) return UNTROUBLED;
    this.#calls += 1;
    const { latencyMs = 0, jitterMs = 0, slowBodyMs = 0, afterEffect = false } = this.fault;
    const failure = this.#drawFailure();
    return {
      delayMs: latencyMs + (jitterMs > 0 ? jitterMs * this.#random() : 0),
      slowBodyMs,
      failure,
      applied: failure === null || afterEffect,
    };
  }

  #matches(call: CallFacts): boolean {
    const { key, eventId, type } = this.fault.match ?? {};
    return (
      (key === undefined || key === call.key) &&
      (eventId === undefined || eventId === call.eventId) &&
      (type === undefined || type === call.type)
    );
  }

  #drawFailure(): Failure | null {
    const { errorRate, status, retryAfter, hang, reset } = this.fault;
    if (errorRate !== undefined && this.#random() >= errorRate) return null;
    if (hang) return { kind: 'hang' };
    if (reset) return { kind: 'reset' };
    if (errorRate === undefined && status === undefined && retryAfter === undefined) return null;
    return { kind: 'status', status: status ?? STATUS_DEFAULT, retryAfter };
  }
}

/** The next number in [0, 1). */
export type Random = () => number;

/**
 * A generator that returns the same numbers for the same seed: a Weyl sequence with MurmurHash3's finalizer. Good enough
 * for an error rate, not for secrets.
 */
export function seededRandom(seed: number): Random {
  let counter = seed | 0;
  return () => {
    counter = (counter + 0x9e37_79b9) | 0;
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}
