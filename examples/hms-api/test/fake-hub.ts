import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerWritableStream, status } from '@grpc/grpc-js';
import { grpcServiceDefinition } from '@hms-sync/proto/grpc';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEvent } from '@hms-sync/proto/hms/sync/v1/event';
import {
  type PublishRequest,
  type PublishResponse,
  PublishResponseSchema,
  SyncService,
} from '@hms-sync/proto/hms/sync/v1/sync_service';

/** What the fake does with one call of Publish. */
export type Answer =
  | { kind: 'deliver' }
  /** Ends the call with a status before it has accepted anything. */
  | { kind: 'status'; code: status; message: string }
  /** Accepts the event, then loses the stream. */
  | { kind: 'lose after accepting' }
  /** Accepts the event; billing stays open. */
  | { kind: 'leave open' };

/** A fake hub that serves native gRPC. */
export interface FakeHub {
  /** "host:port" */
  readonly address: string;
  /** The event of each call, the oldest first; as often as it was published. */
  readonly calls: SyncEvent[];
  /** The ids that were accepted, each once. */
  readonly accepted: Set<string>;
  close(): void;
}

/** @param answers one for each call of Publish, in order; further calls deliver */
export async function startFakeHub(answers: Answer[] = []): Promise<FakeHub> {
  const calls: SyncEvent[] = [];
  const accepted = new Set<string>();

  function publish(call: ServerWritableStream<PublishRequest, PublishResponse>): void {
    const { event } = call.request;
    if (event === undefined) throw new TypeError('the request has no event');
    calls.push(event);
    const answer = answers.shift() ?? { kind: 'deliver' };
    if (answer.kind === 'status') {
      call.emit('error', { code: answer.code, details: answer.message });
      return;
    }
    const adapters = ['billing', 'records'];
    const duplicate = accepted.has(event.id);
    accepted.add(event.id);
    call.write(
      create(PublishResponseSchema, {
        result: { case: 'accepted', value: { eventId: event.id, adapters, duplicate, cursor: '1' } },
      }),
    );
    if (answer.kind === 'lose after accepting') {
      call.emit('error', { code: status.UNAVAILABLE, details: 'lost' });
      return;
    }
    for (const adapter of answer.kind === 'leave open' ? ['records'] : adapters) {
      const ack = {
        eventId: event.id,
        adapter,
        state: DeliveryState.DELIVERED,
        attempt: 1,
        receipt: `${adapter} took it`,
      };
      call.write(create(PublishResponseSchema, { result: { case: 'ack', value: ack } }));
    }
    if (answer.kind !== 'leave open') call.end();
  }

  const server = new Server();
  server.addService(grpcServiceDefinition(SyncService), { Publish: publish });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, calls, accepted, close: () => server.forceShutdown() };
}
