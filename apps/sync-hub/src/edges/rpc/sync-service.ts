import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type {
  GetEventRequest,
  PublishAndWaitRequest,
  PublishAndWaitResponseSchema,
  PublishRequest,
  PublishResponseSchema,
  SyncService,
  WatchAcksRequest,
  WatchAcksResponseSchema,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { Acks } from '../../acks/acks.ts';
import type { FollowableEvent } from '../../acks/followed-event.ts';
import type { Until } from '../../acks/progress.ts';
import type { EventReference, Journal } from '../../journal/journal.ts';
import { isWithin, type Positions } from '../../journal/positions.ts';
import type { Lanes } from '../../lanes/lanes.ts';
import type { Cursors } from '../cursor.ts';
import { throwIfStopping } from '../hub-stop.ts';
import type { Acceptance, Intake } from '../intake.ts';
import { Refusal, wrongField } from '../refusal.ts';
import { Semaphore } from '../semaphore.ts';
import { toAccepted, toUntil } from './accepted-message.ts';
import { toAck } from './ack-message.ts';
import type { EventFeed } from './event-feed.ts';
import { type EventStatus, readStatus } from './event-status.ts';
import { requireFound } from './found-event.ts';
import { publishStream } from './publish-stream.ts';

export interface SyncServiceOptions {
  readonly intake: Intake;
  readonly journal: Pick<Journal, 'readEvent'>;
  readonly acks: Acks;
  readonly lanes: Lanes;
  readonly feed: EventFeed;
  readonly cursors: Cursors;
  readonly wallMs: () => number;
  /** Called with faults of the hub's own, for the log. */
  readonly onFault: (error: unknown) => void;
}

/** Long enough for a first retry or two, short enough for a person at a terminal. */
export const DEFAULT_WAIT_MS = 10_000;
/** Proxies give up on a silent request after about a minute. */
const WAIT_MAX_MS = 60_000;
const WATCHED_EVENTS_MAX = 1_000;
/** Each ack is written for each of them. */
export const WATCHES_MAX = 1_024;
const TOO_MANY_RETRY_MS = 10_000;
/**
 * Events that are read for GetEvent and WatchAcks at a time: with the largest payloads 8 MiB. A request for an event is
 * some bytes, the event a quarter of a megabyte, and one connection may send 2,048 of them at once.
 */
const READS_AT_A_TIME = 32;

const BEGINNING: Positions = new Map();

/** SyncService: what the contract says, by the hub's rooms. */
export function createSyncService(options: SyncServiceOptions): ServiceImpl<typeof SyncService> {
  const { intake, feed, cursors, acks } = options;
  const reads = new Semaphore(READS_AT_A_TIME);
  /** How many watch all acks. */
  let watches = 0;
  return {
    async *publish(request: PublishRequest, context): AsyncGenerator<MessageInitShape<typeof PublishResponseSchema>> {
      const acceptance = await intake.accept(request.event);
      const until = toUntil(request.until);
      // Listening begins before ACCEPTED is sent: the caller may ask for more only after all is recorded.
      const batches =
        until === 'accepted' ? [] : feed.read({ ...feedRequest(acceptance, until), signal: context.signal });
      yield { result: { case: 'accepted', value: toAccepted(acceptance, cursors) } };
      for await (const batch of batches) {
        for (const ack of batch) yield { result: { case: 'ack', value: ack } };
      }
    },

    publishStream: (requests, context) => publishStream({ ...options, requests, signal: context.signal }),

    async publishAndWait(
      request: PublishAndWaitRequest,
      context,
    ): Promise<MessageInitShape<typeof PublishAndWaitResponseSchema>> {
      const waitMs = toWaitMs(request.wait);
      const acceptance = await intake.accept(request.event);
      const { settled, acks: latest } = await waitForSettled(options, acceptance, waitMs, context.signal);
      return { accepted: toAccepted(acceptance, cursors), settled, acks: [...latest] };
    },

    watchAcks: (request, context) => watchAcks(options, request, context),

    async getEvent({ id, source }: GetEventRequest, { signal }) {
      if (id === '') throw wrongField('id', 'is required');
      return (await reads.run(() => readStatus(options, { id, source }), signal)).response;
    },
  };

  async function* watchAcks(
    { journal }: SyncServiceOptions,
    { eventIds, cursor, source }: WatchAcksRequest,
    { signal }: HandlerContext,
  ): AsyncGenerator<MessageInitShape<typeof WatchAcksResponseSchema>> {
    if (eventIds.length > WATCHED_EVENTS_MAX) {
      throw wrongField('event_ids', `must be at most ${WATCHED_EVENTS_MAX}; open another watch for the rest`);
    }
    const from = cursor === '' ? undefined : cursors.decode(cursor, 'cursor', acks.place);
    // Such as one from before the journal was restored from a backup: waiting for it would look like silence.
    if (from !== undefined && !isWithin(from, acks.place)) throw cursors.unknown('cursor');
    if (eventIds.length === 0) {
      if (source !== undefined) throw wrongField('source', 'says whose events event_ids names, and those are missing');
      yield* watchAll(from ?? acks.place, signal);
      return;
    }
    const ids = [...new Set(eventIds)];
    const read = (id: string) => reads.run(() => readFollowable(journal, { id, source }), signal);
    const events = await Promise.all(ids.map(read));
    const after = from ?? BEGINNING;
    yield { acks: [], cursor: cursors.encode(after) };
    for await (const some of feed.read({ events, until: 'settled', after, signal })) {
      yield { acks: [...some], cursor: some.at(-1)?.cursor ?? '' };
    }
  }

  async function* watchAll(
    after: Positions,
    signal: AbortSignal,
  ): AsyncGenerator<MessageInitShape<typeof WatchAcksResponseSchema>> {
    if (watches >= WATCHES_MAX) {
      throw new Refusal('TOO_MANY_AT_ONCE', `${WATCHES_MAX} watch all acks already; come back when one has left`, {
        retryAfterMs: TOO_MANY_RETRY_MS,
      });
    }
    watches += 1;
    try {
      let seen = cursors.encode(after);
      yield { acks: [], cursor: seen };
      for await (const page of acks.tail(after, signal, (update, place) => toAck(update, cursors.encode(place)))) {
        seen = page.at(-1)?.cursor ?? seen;
        yield { acks: [...page], cursor: seen };
      }
      throwIfStopping(signal, seen);
    } finally {
      watches -= 1;
    }
  }
}

/** Waits for an event to settle, but no longer than the caller does or the hub runs, then reads its status. */
export async function waitForSettled(
  options: SyncServiceOptions,
  acceptance: Acceptance,
  waitMs: number,
  callerSignal: AbortSignal,
): Promise<Pick<EventStatus, 'settled' | 'acks'>> {
  const enough = new AbortController();
  // Without the caller's reason: whatever ended the waiting, it is no failure.
  const end = () => enough.abort();
  if (callerSignal.aborted) end();
  callerSignal.addEventListener('abort', end, { once: true });
  // A timer that is cancelled: AbortSignal.timeout would keep each caller until its wait is over.
  const timer = setTimeout(end, waitMs);
  try {
    for await (const _batch of options.feed.read({ ...feedRequest(acceptance, 'settled'), signal: enough.signal })) {
      // Only the end matters here: what is known then is read afterwards.
    }
  } finally {
    clearTimeout(timer);
    callerSignal.removeEventListener('abort', end);
  }
  const { id, source } = acceptance.event;
  return readStatus(options, { id, source });
}

/** A duplicate has a history; a new event has none. */
function feedRequest({ event, duplicate, place, heldByKey }: Acceptance, until: Until) {
  return { events: [withoutPayload(event)], until, after: place, ...(!duplicate && { heldByKey }) };
}

function toWaitMs(wait: Duration | undefined): number {
  if (wait === undefined) return DEFAULT_WAIT_MS;
  const waitMs = durationMs(wait);
  if (!(waitMs >= 0 && waitMs <= WAIT_MAX_MS)) throw wrongField('wait', `must be from 0 to ${WAIT_MAX_MS / 1_000} s`);
  return waitMs;
}

/** A watch lasts, and has no need of the payload. @throws {Refusal} EVENT_NOT_FOUND, EVENT_AMBIGUOUS */
async function readFollowable(journal: Pick<Journal, 'readEvent'>, named: EventReference): Promise<FollowableEvent> {
  return withoutPayload(requireFound(await journal.readEvent(named), named).event);
}

function withoutPayload({ seq, id, source, key, adapters }: FollowableEvent): FollowableEvent {
  return { seq, id, source, key, adapters };
}
