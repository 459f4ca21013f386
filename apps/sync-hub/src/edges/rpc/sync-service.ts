import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
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
import { matches } from '../../access/grants.ts';
import { type Principal, seesAdapter, seesEvent } from '../../access/principal.ts';
import type { DeliveryUpdate } from '../../acks/delivery-update.ts';
import type { Positions } from '../../journal/positions.ts';
import { throwIfStopping } from '../hub-stop.ts';
import { shownTo, toAck } from '../publishing/ack-message.ts';
import { type Publishing, WAIT_MS, type WaitingCaller } from '../publishing/publishing.ts';
import { invalidField, tooManyAtOnce } from '../request-error.ts';
import { toReason } from './admin-reason.ts';
import { callerOf } from './caller.ts';
import { requirePermission } from './gate.ts';
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
      { signal, values },
    ): AsyncGenerator<MessageInitShape<typeof PublishResponseSchema>> {
      const caller = callerOf(values);
      const acceptance = await publishing.accept(request.event, caller);
      const until = toUntil(request.until);
      // Listening begins before ACCEPTED is sent: the caller may ask for more only after all is recorded.
      const batches = until === 'accepted' ? [] : publishing.follow(acceptance, { until, signal });
      yield { result: { case: 'accepted', value: toAccepted(acceptance, cursors) } };
      for await (const batch of batches) {
        for (const ack of batch) yield { result: { case: 'ack', value: shownTo(caller, ack) } };
      }
    },

    publishStream: (requests, { signal, values }) =>
      publishStream(publishing, { requests, signal, onFault, caller: callerOf(values) }),

    async publishAndWait(
      { event, wait }: PublishAndWaitRequest,
      { signal, values },
    ): Promise<MessageInitShape<typeof PublishAndWaitResponseSchema>> {
      const waitMs = toWaitMs(wait);
      const caller = callerOf(values);
      const acceptance = await publishing.accept(event, caller);
      const { settled, acks: latest } = await publishing.wait(acceptance, waitMs, { caller, signal });
      return { accepted: toAccepted(acceptance, cursors), settled, acks: [...latest] };
    },

    async *watchAcks(
      { eventIds, cursor, source }: WatchAcksRequest,
      { signal, values },
    ): AsyncGenerator<MessageInitShape<typeof WatchAcksResponseSchema>> {
      if (eventIds.length > WATCHED_EVENTS_MAX) {
        throw invalidField('event_ids', `must be at most ${WATCHED_EVENTS_MAX}; open another watch for the rest`);
      }
      const caller = callerOf(values);
      const from = publishing.placeOf(cursor);
      if (eventIds.length === 0) {
        if (source !== undefined)
          throw invalidField('source', 'says whose events event_ids names, and those are missing');
        yield* watchAll(from ?? acks.place, { caller, signal });
        return;
      }
      const events = await Promise.all(
        [...new Set(eventIds)].map((id) => publishing.find({ id, source }, caller, signal)),
      );
      const after = from ?? BEGINNING;
      const isSeen = ({ adapter }: Ack) => seesAdapter(caller, adapter);
      yield { acks: [], cursor: cursors.encode(after) };
      for await (const some of publishing.watch(events, after, signal)) {
        yield { acks: some.filter(isSeen).map((ack) => shownTo(caller, ack)), cursor: some.at(-1)?.cursor ?? '' };
      }
    },

    async getEvent(request: GetEventRequest, { signal, values }) {
      const { id, source, includePayload } = request;
      if (id === '') throw invalidField('id', 'is required');
      const caller = callerOf(values);
      if (includePayload) {
        requirePermission(caller, 'events.read_payload');
        if (caller.role === 'admin') toReason(request);
      }
      const { response, envelope } = await publishing.status({ id, source }, caller, signal);
      return includePayload ? response : ({ ...response, event: envelope } as typeof response);
    },
  };

  async function* watchAll(
    after: Positions,
    { caller, signal }: WaitingCaller,
  ): AsyncGenerator<MessageInitShape<typeof WatchAcksResponseSchema>> {
    if (watches >= WATCHES_MAX) {
      throw tooManyAtOnce(`${WATCHES_MAX} watch all acks already; come back when one has left`);
    }
    watches += 1;
    try {
      let seen = cursors.encode(after);
      yield { acks: [], cursor: seen };
      const toItem = (update: DeliveryUpdate, place: Positions) => {
        const ack = toAck(update, cursors.encode(place));
        return { cursor: ack.cursor, acks: isShown(update, caller) ? [shownTo(caller, ack)] : [] };
      };
      for await (const page of acks.tail(after, signal, toItem)) {
        seen = page.at(-1)?.cursor ?? seen;
        // Also an empty page: its cursor saves the caller the way past what is not for it.
        yield { acks: page.flatMap((item) => item.acks), cursor: seen };
      }
      throwIfStopping(signal, seen);
    } finally {
      watches -= 1;
    }
  }
}

/** Whether a watch of everything has it for the caller. What is held has no key, and so is not for who is granted some. */
function isShown(update: DeliveryUpdate, caller: Principal): boolean {
  if (update.kind === 'recorded') return seesEvent(caller, update.record) && seesAdapter(caller, update.record.adapter);
  const { source, adapter } = update.held;
  return caller.grants.keys === undefined && matches(caller.grants.sources, source) && seesAdapter(caller, adapter);
}

function toWaitMs(wait: Duration | undefined): number {
  if (wait === undefined) return WAIT_MS.usual;
  const waitMs = durationMs(wait);
  if (!(waitMs >= 0 && waitMs <= WAIT_MS.most))
    throw invalidField('wait', `must be from 0 to ${WAIT_MS.most / 1_000} s`);
  return waitMs;
}
