import { Buffer } from 'node:buffer';
import type { Principal } from './principal.ts';

/** What one caller may do at a time, in a second, or in a day. */
export interface CallerBounds {
  /** Undefined: as many as the hub can write. */
  readonly eventsPerSecond: number | undefined;
  /** Of the payloads and attributes of its events that were accepted. Undefined: as many as the disk has room for. */
  readonly bytesPerDay: number | undefined;
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
  /** The caller gets the refusal after this time. */
  readonly heldMs: number;

  constructor(message: string, retryAfterMs: number, heldMs = 0) {
    super(message);
    this.retryAfterMs = retryAfterMs;
    this.heldMs = heldMs;
  }
}

/** What of an event its publisher decides the size of. */
interface PublishedBytes {
  readonly data: Uint8Array;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Usage {
  /** Events that may be published now; refilled with time, up to what a second allows. */
  events: number;
  refilledAtMs: number;
  /** When the refusal of its latest refused event is sent. */
  refusedAtMs: number;
  /** Bytes that were accepted, by the hour, oldest first: of the last 25 hours, those without any left out. */
  readonly hours: { readonly number: number; bytes: number }[];
  readonly calls: Map<CallKind, number>;
}

const HOUR_MS = 3_600_000;
/** An hour counts until the last of its bytes is a day old. */
const HOURS_COUNTED = 25;

/**
 * A caller who does not wait as it was asked to, and publishes again as soon as it was refused, takes time from the others. So
 * it is refused once in so long, and each of its events waits for that, but no longer than a second.
 */
const REFUSED_EVERY_MS = 10;
const REFUSED_WITHIN_MS = 1_000;
/** A call that lasts ends some time; nobody knows when. */
const CALL_RETRY_MS = 5_000;
/** Principals who use nothing are forgotten when there are more. */
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
    const { eventsPerSecond, bytesPerDay } = this.#bounds;
    if ((eventsPerSecond === undefined && bytesPerDay === undefined) || isUnlimited(caller)) return;
    const usage = this.#usageOf(caller);
    const now = this.#nowMs();
    if (bytesPerDay !== undefined) {
      const waitMs = waitForBytesMs(usage, { bytesPerDay, now });
      const most = `${Math.floor(bytesPerDay / 2 ** 20)} MiB of events`;
      const message = `${caller.name} published ${most} within a day, its limit (limits.perCaller.bytesPerDay of the hub)`;
      if (waitMs > 0) throw new CallerThrottled(message, waitMs, holdRefusal(usage, now));
    }
    if (eventsPerSecond === undefined) return;
    const refill = ((now - usage.refilledAtMs) / 1_000) * eventsPerSecond;
    usage.events = Math.min(eventsPerSecond, usage.events + refill);
    usage.refilledAtMs = now;
    if (usage.events < 1) {
      const waitMs = Math.ceil(((1 - usage.events) / eventsPerSecond) * 1_000);
      const message = `${caller.name} publishes more than ${eventsPerSecond} events a second`;
      throw new CallerThrottled(message, waitMs, holdRefusal(usage, now));
    }
    usage.events -= 1;
  }

  /**
   * An event of the caller is on disk. What was being written when the bytes of a day were reached is still accepted: the
   * events that the hub writes at a time.
   */
  accepted(caller: Principal, { data, attributes }: PublishedBytes): void {
    if (this.#bounds.bytesPerDay === undefined || isUnlimited(caller)) return;
    const { hours } = this.#usageOf(caller);
    const number = Math.floor(this.#nowMs() / HOUR_MS);
    if (hours.at(-1)?.number !== number) hours.push({ number, bytes: 0 });
    const hour = hours.at(-1);
    if (hour !== undefined) hour.bytes += data.byteLength + Buffer.byteLength(JSON.stringify(attributes));
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
    const events = this.#bounds.eventsPerSecond ?? 0;
    const usage: Usage = { events, refilledAtMs: this.#nowMs(), refusedAtMs: 0, hours: [], calls: new Map() };
    this.#usages.set(key, usage);
    return usage;
  }

  /** Who has no call open, has not published for a second, and no bytes for a day, uses nothing. */
  #forget(): void {
    const now = this.#nowMs();
    for (const [key, { calls, hours, refilledAtMs }] of this.#usages) {
      const hasPublished = refilledAtMs > now - 1_000 || isCounted(hours.at(-1)?.number, now);
      if (!hasPublished && [...calls.values()].every((running) => running === 0)) this.#usages.delete(key);
    }
  }
}

/** How long until enough of its bytes are a day old; 0: they are few enough. */
function waitForBytesMs({ hours }: Usage, { bytesPerDay, now }: { bytesPerDay: number; now: number }): number {
  while (hours.length > 0 && !isCounted(hours[0]?.number, now)) hours.shift();
  let bytes = hours.reduce((sum, hour) => sum + hour.bytes, 0);
  let freeAtMs = now;
  for (const hour of hours) {
    if (bytes < bytesPerDay) break;
    bytes -= hour.bytes;
    freeAtMs = endOfHour(hour.number);
  }
  return freeAtMs - now;
}

/** One more refusal. Returns after how long it is sent. */
function holdRefusal(usage: Usage, now: number): number {
  const next = Math.max(usage.refusedAtMs, now) + REFUSED_EVERY_MS;
  usage.refusedAtMs = Math.min(next, now + REFUSED_WITHIN_MS);
  return usage.refusedAtMs - now;
}

/** When its last bytes are a day old. */
function endOfHour(hour: number): number {
  return (hour + HOURS_COUNTED) * HOUR_MS;
}

function isCounted(hour: number | undefined, now: number): boolean {
  return hour !== undefined && now < endOfHour(hour);
}

function isUnlimited({ kind }: Principal): boolean {
  return kind === 'socket' || kind === 'open';
}
