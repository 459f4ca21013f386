import { suggestName } from './nearest-name.ts';
import { type FieldProblem, SandboxError } from './sandbox-error.ts';

/** Which calls a fault is for: those that carry all the values named here. */
export interface FaultMatch {
  readonly key?: string;
  readonly eventId?: string;
  readonly type?: string;
}

/**
 * How a stand-in misbehaves. Parts combine (a latency and a status), but a call fails in one way only: `status`, `hang`
 * or `reset`; and `down` stands alone.
 */
export interface Fault {
  /** The answer (or the failure) comes this much later, 0 to 600,000 ms. */
  readonly latencyMs?: number;
  /** Up to this much more latency, drawn for each call, 0 to 600,000 ms. */
  readonly jitterMs?: number;
  /** The share of calls that fail, 0 to 1. Absent: all of them. How they fail: see `status`, `hang`, `reset`. */
  readonly errorRate?: number;
  /** Calls fail with this answer, 300 to 599. 503 when only `errorRate` or `retryAfter` is given. */
  readonly status?: number;
  /** The Retry-After header of that answer, seconds or a date, sent as it is written. */
  readonly retryAfter?: string;
  /** The port is closed: connections are refused, and those that are open are cut. */
  readonly down?: boolean;
  /** Calls are taken and never answered; their connections are cut when the fault is cleared or replaced. */
  readonly hang?: boolean;
  /** Connections end with a TCP reset instead of an answer. */
  readonly reset?: boolean;
  /** The headers come at once, the body in small pieces over this time, 0 to 600,000 ms. */
  readonly slowBodyMs?: number;
  /** A call that fails was applied before it failed: the caller loses the answer, not the effect. */
  readonly afterEffect?: boolean;
  /** The fault ends by itself after this many calls that it was for, 1 or more. Absent: it stays until cleared. */
  readonly times?: number;
  readonly match?: FaultMatch;
}

type Rule =
  | { readonly kind: 'number'; readonly min: number; readonly max: number; readonly whole: boolean }
  | { readonly kind: 'flag' }
  | { readonly kind: 'text' }
  | { readonly kind: 'match' };

/** Ten minutes: longer than any deadline a hub may set, and far from where timers overflow. */
const durationMs: Rule = { kind: 'number', min: 0, max: 600_000, whole: false };

const rules: Readonly<Record<keyof Fault, Rule>> = {
  latencyMs: durationMs,
  jitterMs: durationMs,
  errorRate: { kind: 'number', min: 0, max: 1, whole: false },
  status: { kind: 'number', min: 300, max: 599, whole: true },
  retryAfter: { kind: 'text' },
  down: { kind: 'flag' },
  hang: { kind: 'flag' },
  reset: { kind: 'flag' },
  slowBodyMs: durationMs,
  afterEffect: { kind: 'flag' },
  times: { kind: 'number', min: 1, max: 1_000_000_000, whole: true },
  match: { kind: 'match' },
};

const matchNames: readonly (keyof FaultMatch)[] = ['key', 'eventId', 'type'];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function matchProblems(value: unknown): FieldProblem[] {
  if (!isRecord(value) || Object.keys(value).length === 0) {
    return [{ field: 'match', description: `must be an object with at least one of ${matchNames.join(', ')}` }];
  }
  return Object.entries(value).flatMap(([name, wanted]) => {
    const field = `match.${name}`;
    if (!matchNames.some((known) => known === name)) {
      return [{ field, description: `there is no such field, ${suggestName(name, matchNames)}` }];
    }
    return typeof wanted === 'string' ? [] : [{ field, description: 'must be a string' }];
  });
}

function valueProblems(field: string, rule: Rule, value: unknown): FieldProblem[] {
  switch (rule.kind) {
    case 'number': {
      const fits = typeof value === 'number' && value >= rule.min && value <= rule.max;
      if (fits && (!rule.whole || Number.isInteger(value))) return [];
      const noun = rule.whole ? 'a whole number' : 'a number';
      return [{ field, description: `must be ${noun} from ${rule.min} to ${rule.max}` }];
    }
    case 'flag':
      return typeof value === 'boolean' ? [] : [{ field, description: 'must be true or false' }];
    case 'text':
      // It becomes a header as it is, so a line break in it must not become another header.
      return typeof value === 'string' && /^[\x20-\x7e]{1,64}$/.test(value)
        ? []
        : [{ field, description: 'must be a string of 1 to 64 visible ASCII characters, such as "2"' }];
    case 'match':
      return matchProblems(value);
    default:
      return rule satisfies never;
  }
}

/** Fields that contradict each other, or that together do nothing. Only asked once each field is right by itself. */
function combinationProblems(fault: Fault): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const given = Object.keys(rules).filter((name) => {
    const value = fault[name as keyof Fault];
    return value !== undefined && value !== false;
  });
  const has = (name: keyof Fault): boolean => given.includes(name);
  if (has('down')) {
    for (const field of given.filter((name) => name !== 'down')) {
      problems.push({ field, description: 'cannot be together with down: a closed port sees no calls' });
    }
    return problems;
  }
  if (has('hang') && has('reset')) problems.push({ field: 'reset', description: 'cannot be together with hang' });
  if (has('hang') || has('reset')) {
    const silent = has('hang') ? 'hang' : 'reset';
    for (const field of ['status', 'retryAfter', 'slowBodyMs'] as const) {
      if (has(field)) problems.push({ field, description: `cannot be together with ${silent}, which never answers` });
    }
  }
  const fails = (['errorRate', 'status', 'retryAfter', 'hang', 'reset'] as const).some(has);
  if (has('afterEffect') && !fails) {
    problems.push({ field: 'afterEffect', description: 'needs a failure: one of status, errorRate, hang, reset' });
  } else if (!fails && !(['latencyMs', 'jitterMs', 'slowBodyMs'] as const).some(has)) {
    const doing = 'latencyMs, jitterMs, slowBodyMs, errorRate, status, retryAfter, hang, reset, down';
    problems.push({ field: '', description: `it does nothing, name at least one of ${doing}` });
  }
  return problems;
}

function collectProblems(value: Record<string, unknown>): FieldProblem[] {
  const problems = Object.entries(value).flatMap(([name, given]) =>
    Object.hasOwn(rules, name)
      ? valueProblems(name, rules[name as keyof Fault], given)
      : [{ field: name, description: `there is no such field, ${suggestName(name, Object.keys(rules))}` }],
  );
  return problems.length > 0 ? problems : combinationProblems(value as Fault);
}

/**
 * The fault that `value` describes, as the sandbox's own copy.
 *
 * @throws SandboxError `invalid_argument` that names each wrong field and, for an unknown one, the nearest right name
 */
export function parseFault(value: unknown): Fault {
  if (!isRecord(value)) {
    throw SandboxError.invalid('fault', [{ field: '', description: 'it must be an object such as {"status":503}' }]);
  }
  const problems = collectProblems(value);
  if (problems.length > 0) throw SandboxError.invalid('fault', problems);
  return structuredClone(value) as Fault;
}

/** The one way in which a call fails. */
export type Failure =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' };

/** What the stand-in does with one call. */
export interface Treatment {
  readonly delayMs: number;
  readonly slowBodyMs: number;
  readonly failure: Failure | null;
  /** Whether the change is applied, which a failure may hide from the caller. */
  readonly applied: boolean;
}

/** What a fault can match a call by. */
export interface CallFacts {
  readonly key: string | null;
  readonly eventId: string | null;
  readonly type: string | null;
}

/** How a call is treated while nothing is wrong. */
export const UNTROUBLED: Treatment = { delayMs: 0, slowBodyMs: 0, failure: null, applied: true };

/** What a gateway in front of a sick system most often answers. */
const STATUS_DEFAULT = 503;

/** A fault at work on one stand-in: it draws its own random numbers and counts the calls it was for. */
export class ArmedFault {
  readonly fault: Fault;
  readonly #random: Random;
  #calls = 0;

  constructor(fault: Fault, random: Random) {
    this.fault = fault;
    this.#random = random;
  }

  /** Calls that this fault was for so far, those that `errorRate` spared included. */
  get calls(): number {
    return this.#calls;
  }

  /** Whether `times` is used up. */
  get isSpent(): boolean {
    return this.fault.times !== undefined && this.#calls >= this.fault.times;
  }

  /** Decides one call, and counts it when the fault is for it. */
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
 * A generator that gives the same numbers for the same seed: a counter that walks all 32-bit numbers by the golden
 * ratio, each scrambled until neighbours look unrelated. Good enough for an error rate, not for secrets.
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
