import { create } from '@bufbuild/protobuf';
import type { SyncEvent } from '@hms-sync/proto/hms/sync/v1/event';
import {
  type PublishStreamRequest,
  PublishStreamRequestSchema,
  type PublishStreamResponse,
  PublishStreamResponseSchema,
  PublishUntil,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { OPEN_PRINCIPAL } from '../../access/principal.ts';
import { published, type TestHub } from '../publishing/hub.fixture.ts';
import { publishStream } from './publish-stream.ts';

/** How many of a stream's events may be unsettled, as the contract promises. */
export const WINDOW = 4_096;

/** One message of a caller. */
export const requestOf = (events: readonly SyncEvent[], until = PublishUntil.SETTLED): PublishStreamRequest =>
  create(PublishStreamRequestSchema, { events: [...events], until });

/** A caller who sends these requests and, by default, then ends its side of the stream. */
export async function* requestsOf(requests: readonly PublishStreamRequest[]) {
  yield* requests;
}

/** Opens a stream of this hub, its messages as they go over the wire. */
export function open(
  hub: TestHub,
  requests: AsyncIterable<PublishStreamRequest>,
  signal = new AbortController().signal,
) {
  return toMessages(publishStream(hub.publishing, { requests, signal, onFault: hub.onFault, caller: OPEN_PRINCIPAL }));
}

async function* toMessages(stream: ReturnType<typeof publishStream>): AsyncGenerator<PublishStreamResponse> {
  for await (const message of stream) yield create(PublishStreamResponseSchema, message);
}

export const resultsOf = (messages: readonly PublishStreamResponse[]) => messages.flatMap(({ results }) => results);
export const acksOf = (messages: readonly PublishStreamResponse[]) => messages.flatMap(({ acks }) => acks);

/** A caller who is asked for one event at a time, so that a test sees how far the hub has read. */
export function countedRequests(total: number, until = PublishUntil.SETTLED) {
  const caller = {
    sent: 0,
    async *requests() {
      while (caller.sent < total) {
        caller.sent += 1;
        yield requestOf([published({ id: `event-${caller.sent}` })], until);
      }
    },
  };
  return caller;
}
