import type { Principal } from './principal.ts';

/** What one caller may do at a time, or in a second. */
export interface CallerBounds {
  /** Undefined: as many as the hub can write. */
  readonly eventsPerSecond: number | undefined;
  /** Long calls of each kind at a time. */
  readonly calls: Readonly<Record<CallKind, number>>;
}

/** Calls that last: streams of events and acks, single publishes, watches of health and jobs, tails, running
 * replay jobs, and probes, which need no credential. */
export type CallKind = 'publish' | 'stream' | 'watch' | 'tail' | 'job' | 'probe';

export const CALLS_OF_CALLER: CallerBounds['calls'] = {
  publish: 4_096,
  ...{ stream: 64, watch: 16, tail: 2, job: 2 },
  // Of all who have no credential together.
  probe: 64,
};

/** A caller is at its limit; `retryAfterMs`: from when on it is not. */
export class CallerThrottled extends Error {
  override readonly name = 'CallerThrottled';
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

interface Usage {
  /** Events that may be published now; refilled with time, up to what a second allows. */
  events: number;
  refilledAtMs: number;
  readonly calls: Map<CallKind, number>;
}

/** A call that lasts ends some time; nobody knows when. */
const CALL_RETRY_MS = 5_000;
/** Principals whose last request is past are forgotten when there are more. */
const PRINCIPALS_MAX = 10_000;

/**
 * What each caller uses, so that none takes what others need. Callers on the hub's machine as its user have no limits, nor
 * has anybody at a hub without authentication. Decided at once and not by a promise (as rate-limiter-flexible does): events
 * of a stream go to the journal in their order, and nothing may be awaited before.
 */
export class CallerLimits {
  readonly #bounds: CallerBounds;
  readonly #nowMs: () => number;
  readonly #usages = new Map<string, Usage>();

  /** @param nowMs a monotonic clock */
  constructor(bounds: CallerBounds, nowMs: () => number) {
    this.#bounds = bounds;
    this.#nowMs = nowMs;
  }

  /** One event of the caller. @throws {CallerThrottled} */
  publish(caller: Principal): void {
    const { eventsPerSecond } = this.#bounds;
    if (eventsPerSecond === undefined || isUnlimited(caller)) return;
    const usage = this.#usageOf(caller);
    const now = this.#nowMs();
    const refill = ((now - usage.refilledAtMs) / 1_000) * eventsPerSecond;
    usage.events = Math.min(eventsPerSecond, usage.events + refill);
    usage.refilledAtMs = now;
    if (usage.events < 1) {
      const waitMs = Math.ceil(((1 - usage.events) / eventsPerSecond) * 1_000);
      throw new CallerThrottled(`${caller.name} publishes more than ${eventsPerSecond} events a second`, waitMs);
    }
    usage.events -= 1;
  }

  /** One call that lasts. Returns what is called once it has ended. @throws {CallerThrottled} */
  begin(caller: Principal, kind: CallKind): () => void {
    if (isUnlimited(caller)) return () => undefined;
    const { calls } = this.#usageOf(caller);
    const running = calls.get(kind) ?? 0;
    const most = this.#bounds.calls[kind];
    if (running >= most) {
      throw new CallerThrottled(
        `${caller.name} has ${most} ${kind}s open, and may have no more; end one`,
        CALL_RETRY_MS,
      );
    }
    calls.set(kind, running + 1);
    let isOpen = true;
    return () => {
      if (isOpen) calls.set(kind, (calls.get(kind) ?? 1) - 1);
      isOpen = false;
    };
  }

  #usageOf({ kind, name }: Principal): Usage {
    const key = `${kind} ${name}`;
    const known = this.#usages.get(key);
    if (known !== undefined) return known;
    if (this.#usages.size >= PRINCIPALS_MAX) this.#forget();
    const usage: Usage = { events: this.#bounds.eventsPerSecond ?? 0, refilledAtMs: this.#nowMs(), calls: new Map() };
    this.#usages.set(key, usage);
    return usage;
  }

  /** Who has no call open, and has not published for a second, uses nothing. */
  #forget(): void {
    const before = this.#nowMs() - 1_000;
    for (const [key, { calls, refilledAtMs }] of this.#usages) {
      if (refilledAtMs <= before && [...calls.values()].every((running) => running === 0)) this.#usages.delete(key);
    }
  }
}

function isUnlimited({ kind }: Principal): boolean {
  return kind === 'socket' || kind === 'open';
}
