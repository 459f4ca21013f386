import { setTimeout as elapse } from 'node:timers/promises';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import { type CallerLimits, CallerThrottled } from '../../access/caller-limits.ts';
import { type Principal, publisherOf } from '../../access/principal.ts';
import type { Acks } from '../../acks/acks.ts';
import type { Until } from '../../acks/delivery-update.ts';
import type { FollowableEvent } from '../../acks/followed-events.ts';
import type { EventReference, Journal } from '../../journal/journal.ts';
import { isWithin, type Positions } from '../../journal/positions.ts';
import type { LaneSet } from '../../lanes/lane-set.ts';
import type { Cursors } from '../cursor.ts';
import { requireLasting } from '../hub-stop.ts';
import { Semaphore } from '../semaphore.ts';
import { EventFeed } from './event-feed.ts';
import type { PublishedEvent } from './event-message.ts';
import { type EventStatus, readStatus } from './event-status.ts';
import { readVisible } from './found-event.ts';
import { grantedEvent } from './granted-event.ts';
import type { Acceptance, Intake } from './intake.ts';

export interface PublishingOptions {
  readonly intake: Intake;
  readonly journal: Pick<Journal, 'readEvent'>;
  readonly acks: Acks;
  readonly lanes: LaneSet;
  readonly cursors: Cursors;
  readonly limits: CallerLimits;
}

/** Who waits, and until when. */
export interface WaitingCaller {
  readonly caller: Principal;
  readonly signal: AbortSignal;
}

/** How long a caller waits for its event to settle. */
export const WAIT_MS = {
  /** When it does not say: enough for a first retry or two, short enough for an operator at a terminal. */
  usual: 10_000,
  /** Proxies end a silent request after about a minute. */
  most: 60_000,
} as const;

/**
 * Events that are read for callers at a time: with the largest payloads 8 MiB. A request for an event is some bytes, the
 * event a quarter of a megabyte, and one connection may send 2,048 of them at once.
 */
const READS_AT_A_TIME = 32;

/** Publishing, by whichever edge it comes: accepts events, follows them, waits for them, reads their status. */
export class Publishing {
  readonly acks: Acks;
  readonly cursors: Cursors;
  readonly #options: PublishingOptions;
  readonly #feed: EventFeed;
  readonly #reads = new Semaphore(READS_AT_A_TIME);

  constructor(options: PublishingOptions) {
    this.#options = options;
    this.acks = options.acks;
    this.cursors = options.cursors;
    this.#feed = new EventFeed(options);
  }

  /** Accepts one event of a caller. @throws {RequestError} */
  async accept(event: PublishedEvent | undefined, caller: Principal): Promise<Acceptance> {
    const { intake, limits } = this.#options;
    try {
      const granted = intake.refusing(() => {
        requireLasting(caller.lifetime);
        limits.publish(caller);
        return event && grantedEvent(event, caller);
      });
      const acceptance = await intake.accept(granted, publisherOf(caller));
      if (!acceptance.duplicate) limits.accepted(caller, acceptance.event);
      return acceptance;
    } catch (error) {
      if (error instanceof CallerThrottled) await elapse(error.heldMs);
      throw error;
    }
  }

  /**
   * The acks of an event that was accepted just now, from this call on; of a duplicate its history first.
   *
   * @param onHistoryRead called once the caller has taken all that was on record
   * @throws {RequestError} READER_TOO_SLOW; HUB_STOPPING
   */
  follow(
    { event, duplicate, place, heldByKey }: Acceptance,
    { until, signal, onHistoryRead }: { until: Until; signal: AbortSignal; onHistoryRead?: () => void },
  ): AsyncGenerator<readonly Ack[], void> {
    const known = duplicate ? {} : { heldByKey };
    const events = [withoutPayload(event)];
    return this.#feed.read({ events, until, after: place, signal, ...known, ...(onHistoryRead && { onHistoryRead }) });
  }

  /** The acks of events that were accepted before, until all are settled. @throws {RequestError} as `follow` does */
  watch(
    events: readonly FollowableEvent[],
    after: Positions,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Ack[], void> {
    return this.#feed.read({ events, until: 'settled', after, signal });
  }

  /** Waits for an event to settle, but no longer than its caller does or the hub runs, then reads its status. */
  async wait(acceptance: Acceptance, waitMs: number, { caller, signal }: WaitingCaller): Promise<EventStatus> {
    const enough = new AbortController();
    // Without the caller's reason: whatever ended the waiting, it is not a failure.
    const end = () => enough.abort();
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    // A timer that is cancelled: AbortSignal.timeout would keep each caller until its wait is over.
    const timer = setTimeout(end, waitMs);
    try {
      for await (const _batch of this.follow(acceptance, { until: 'settled', signal: enough.signal })) {
        // Only the end matters here: what is known then is read afterwards.
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
    const { id, source } = acceptance.event;
    return readStatus(this.#options, { id, source }, caller);
  }

  /** The status of an event that the caller may see. @throws {RequestError} EVENT_NOT_FOUND, EVENT_AMBIGUOUS */
  status(named: EventReference, caller: Principal, signal: AbortSignal): Promise<EventStatus> {
    return this.#reads.run(() => readStatus(this.#options, named, caller), signal);
  }

  /**
   * An event that the caller may see, to watch it: without its payload, as a watch lasts.
   *
   * @throws {RequestError} EVENT_NOT_FOUND, EVENT_AMBIGUOUS
   */
  find(named: EventReference, caller: Principal, signal: AbortSignal): Promise<FollowableEvent> {
    const { journal } = this.#options;
    return this.#reads.run(async () => withoutPayload((await readVisible(journal, named, caller)).event), signal);
  }

  /**
   * The place from which acks are watched.
   *
   * @param cursor of an ack of this hub; empty: undefined is returned, and the caller's own beginning counts
   * @throws {RequestError} CURSOR_INVALID
   */
  placeOf(cursor: string): Positions | undefined {
    if (cursor === '') return undefined;
    const place = this.cursors.decode(cursor, 'cursor', this.acks.place);
    // Such as one from before the journal was restored from a backup: waiting for it would look like silence.
    if (!isWithin(place, this.acks.place)) throw this.cursors.unknown('cursor');
    return place;
  }
}

function withoutPayload({ seq, id, source, key, adapters }: FollowableEvent): FollowableEvent {
  return { seq, id, source, key, adapters };
}
