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
import type { Until } from '../../acks/progress.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Journal } from '../../journal/journal.ts';
import type { Lanes } from '../../lanes/lanes.ts';
import type { Cursors } from '../cursor.ts';
import { throwIfStopping } from '../hub-stop.ts';
import type { Intake, Intaken } from '../intake.ts';
import { Refusal, wrongField } from '../refusal.ts';
import { Turns } from '../turns.ts';
import { toAccepted, toUntil } from './accepted-message.ts';
import { toAck } from './ack-message.ts';
import type { EventFeed } from './event-feed.ts';
import { type EventStatus, readStatus } from './event-status.ts';
import { publishStream } from './publish-stream.ts';
import { unknownEvent } from './unknown-event.ts';

export interface SyncServiceOptions {
  readonly intake: Intake;
  readonly journal: Pick<Journal, 'readEvent'>;
  readonly acks: Acks;
  readonly lanes: Lanes;
  readonly feed: EventFeed;
  readonly cursors: Cursors;
  readonly wallMs: () => number;
  /** Told of faults of the hub's own, for the log. */
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
const NO_DATA = new Uint8Array(0);

/** SyncService: what the contract says, by the hub's rooms. */
export function createSyncService(options: SyncServiceOptions): ServiceImpl<typeof SyncService> {
  const { intake, feed, cursors, acks } = options;
  const turns = new Turns(READS_AT_A_TIME);
  /** How many watch all acks. */
  let watches = 0;
  return {
    async *publish(request: PublishRequest, context): AsyncGenerator<MessageInitShape<typeof PublishResponseSchema>> {
      const intaken = await intake.accept(request.event);
      const until = toUntil(request.until);
      // Listening begins before ACCEPTED is sent: the caller may ask for more only after all is recorded.
      const batches = until === 'accepted' ? [] : feed.read({ ...feedRequest(intaken, until), signal: context.signal });
      yield { result: { case: 'accepted', value: toAccepted(intaken, cursors) } };
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
      const intaken = await intake.accept(request.event);
      const { settled, acks: latest } = await waitForSettled(options, intaken, waitMs, context.signal);
      return { accepted: toAccepted(intaken, cursors), settled, acks: [...latest] };
    },

    watchAcks: (request, context) => watchAcks(options, request, context),

    async getEvent(request: GetEventRequest, { signal }) {
      if (request.id === '') throw wrongField('id', 'is required');
      const status = await turns.run(() => readStatus(options, request.id), signal);
      if (status === undefined) throw unknownEvent(request.id);
      return status.response;
    },
  };

  async function* watchAcks(
    { journal }: SyncServiceOptions,
    { eventIds, cursor }: WatchAcksRequest,
    { signal }: HandlerContext,
  ): AsyncGenerator<MessageInitShape<typeof WatchAcksResponseSchema>> {
    if (eventIds.length > WATCHED_EVENTS_MAX) {
      throw wrongField('event_ids', `must be at most ${WATCHED_EVENTS_MAX}; open another watch for the rest`);
    }
    const from = cursor === '' ? undefined : cursors.decode(cursor, 'cursor');
    // Such as one from before the journal was restored from a backup: waiting for it would look like silence.
    if (from !== undefined && from > acks.lastCursor) throw cursors.unknown('cursor');
    if (eventIds.length === 0) {
      yield* watchAll(from ?? acks.lastCursor, signal);
      return;
    }
    const ids = [...new Set(eventIds)];
    const events = await Promise.all(ids.map((id) => turns.run(() => readHead(journal, id), signal)));
    yield { acks: [], cursor: cursors.encode(from ?? 0) };
    for await (const told of feed.read({ events, until: 'settled', afterCursor: from ?? 0, isNew: false, signal })) {
      yield { acks: [...told], cursor: told.at(-1)?.cursor ?? '' };
    }
  }

  async function* watchAll(
    afterCursor: number,
    signal: AbortSignal,
  ): AsyncGenerator<MessageInitShape<typeof WatchAcksResponseSchema>> {
    if (watches >= WATCHES_MAX) {
      throw new Refusal('TOO_MANY_AT_ONCE', `${WATCHES_MAX} watch all acks already; come back when one has left`, {
        retryAfterMs: TOO_MANY_RETRY_MS,
      });
    }
    watches += 1;
    try {
      let seen = cursors.encode(afterCursor);
      yield { acks: [], cursor: seen };
      for await (const tells of acks.tail(afterCursor, signal)) {
        const told = tells.map((tell) => toAck(tell, cursors, acks.lastCursor));
        seen = told.at(-1)?.cursor ?? seen;
        yield { acks: told, cursor: seen };
      }
      throwIfStopping(signal, seen);
    } finally {
      watches -= 1;
    }
  }
}

/** Waits for an event to settle, but no longer than the caller does or the hub runs, then says how it stands. */
export async function waitForSettled(
  options: SyncServiceOptions,
  intaken: Intaken,
  waitMs: number,
  callerSignal: AbortSignal,
): Promise<Pick<EventStatus, 'settled' | 'acks'>> {
  const enough = new AbortController();
  // Without the caller's reason: whatever ended the waiting, it is no failure.
  const end = () => enough.abort();
  if (callerSignal.aborted) end();
  callerSignal.addEventListener('abort', end, { once: true });
  // A timer that is taken back: AbortSignal.timeout would hold on to each caller until its wait is over.
  const timer = setTimeout(end, waitMs);
  try {
    for await (const _batch of options.feed.read({ ...feedRequest(intaken, 'settled'), signal: enough.signal })) {
      // Only the end matters here: what is known then is read afterwards.
    }
  } finally {
    clearTimeout(timer);
    callerSignal.removeEventListener('abort', end);
  }
  const status = await readStatus(options, intaken.event.id);
  if (status === undefined) throw unknownEvent(intaken.event.id);
  return status;
}

/** A duplicate has a history to tell; a new event has none. */
function feedRequest({ event, duplicate, lastCursor }: Intaken, until: Until) {
  return { events: [event], until, afterCursor: lastCursor, isNew: !duplicate };
}

function toWaitMs(wait: Duration | undefined): number {
  if (wait === undefined) return DEFAULT_WAIT_MS;
  const waitMs = durationMs(wait);
  if (!(waitMs >= 0 && waitMs <= WAIT_MAX_MS)) throw wrongField('wait', `must be from 0 to ${WAIT_MAX_MS / 1_000} s`);
  return waitMs;
}

/** An event without its payload: a watch lasts, and has no need of it. */
async function readHead(journal: Pick<Journal, 'readEvent'>, id: string): Promise<AcceptedEvent> {
  const stored = await journal.readEvent(id);
  if (stored === undefined) throw unknownEvent(id);
  return { ...stored.event, data: NO_DATA };
}
