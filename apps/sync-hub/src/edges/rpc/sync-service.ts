import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
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
import type { Positions } from '../../journal/positions.ts';
import { throwIfStopping } from '../hub-stop.ts';
import { toAck } from '../publishing/ack-message.ts';
import { type Publishing, WAIT_MS } from '../publishing/publishing.ts';
import { invalidField, tooManyAtOnce } from '../request-error.ts';
import { publishStream, toAccepted, toUntil } from './publish-stream.ts';

const WATCHED_EVENTS_MAX = 1_000;
/** Each ack is written for each of them. */
export const WATCHES_MAX = 1_024;
const BEGINNING: Positions = new Map();

/** SyncService: what the contract says, by the publishing service. @param onFault called with faults of the hub's own */
export function createSyncService(
  publishing: Publishing,
  onFault: (error: unknown) => void,
): ServiceImpl<typeof SyncService> {
  const { acks, cursors } = publishing;
  /** How many watch all acks. */
  let watches = 0;
  return {
    async *publish(
      request: PublishRequest,
      { signal },
    ): AsyncGenerator<MessageInitShape<typeof PublishResponseSchema>> {
      const acceptance = await publishing.accept(request.event);
      const until = toUntil(request.until);
      // Listening begins before ACCEPTED is sent: the caller may ask for more only after all is recorded.
      const batches = until === 'accepted' ? [] : publishing.follow(acceptance, { until, signal });
      yield { result: { case: 'accepted', value: toAccepted(acceptance, cursors) } };
      for await (const batch of batches) {
        for (const ack of batch) yield { result: { case: 'ack', value: ack } };
      }
    },

    publishStream: (requests, { signal }) => publishStream(publishing, { requests, signal, onFault }),

    async publishAndWait(
      { event, wait }: PublishAndWaitRequest,
      { signal },
    ): Promise<MessageInitShape<typeof PublishAndWaitResponseSchema>> {
      const waitMs = toWaitMs(wait);
      const acceptance = await publishing.accept(event);
      const { settled, acks: latest } = await publishing.wait(acceptance, waitMs, signal);
      return { accepted: toAccepted(acceptance, cursors), settled, acks: [...latest] };
    },

    async *watchAcks(
      { eventIds, cursor, source }: WatchAcksRequest,
      { signal },
    ): AsyncGenerator<MessageInitShape<typeof WatchAcksResponseSchema>> {
      if (eventIds.length > WATCHED_EVENTS_MAX) {
        throw invalidField('event_ids', `must be at most ${WATCHED_EVENTS_MAX}; open another watch for the rest`);
      }
      const from = publishing.placeOf(cursor);
      if (eventIds.length === 0) {
        if (source !== undefined)
          throw invalidField('source', 'says whose events event_ids names, and those are missing');
        yield* watchAll(from ?? acks.place, signal);
        return;
      }
      const events = await Promise.all([...new Set(eventIds)].map((id) => publishing.find({ id, source }, signal)));
      const after = from ?? BEGINNING;
      yield { acks: [], cursor: cursors.encode(after) };
      for await (const some of publishing.watch(events, after, signal)) {
        yield { acks: [...some], cursor: some.at(-1)?.cursor ?? '' };
      }
    },

    async getEvent({ id, source }: GetEventRequest, { signal }) {
      if (id === '') throw invalidField('id', 'is required');
      return (await publishing.status({ id, source }, signal)).response;
    },
  };

  async function* watchAll(
    after: Positions,
    signal: AbortSignal,
  ): AsyncGenerator<MessageInitShape<typeof WatchAcksResponseSchema>> {
    if (watches >= WATCHES_MAX) {
      throw tooManyAtOnce(`${WATCHES_MAX} watch all acks already; come back when one has left`);
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

function toWaitMs(wait: Duration | undefined): number {
  if (wait === undefined) return WAIT_MS.usual;
  const waitMs = durationMs(wait);
  if (!(waitMs >= 0 && waitMs <= WAIT_MS.most))
    throw invalidField('wait', `must be from 0 to ${WAIT_MS.most / 1_000} s`);
  return waitMs;
}
