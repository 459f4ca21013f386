import type { MessageInitShape } from '@bufbuild/protobuf';
import { Health } from '@hms-sync/proto/health/v1/health';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { HealthService, type Health as HubHealth } from '@hms-sync/proto/hms/sync/v1/health_service';
import {
  type Accepted,
  type PublishRequestSchema,
  type PublishStreamRequestSchema,
  SyncService,
  type WatchAcksRequestSchema,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { Transport } from './transports/transport.ts';

export type EventInit = MessageInitShape<typeof SyncEventSchema>;

/** Every call of the hub that a publisher or a probe makes, over any transport. */
export type SyncClient = ReturnType<typeof createSyncClient>;

export function createSyncClient(transport: Transport) {
  return {
    publish: (request: MessageInitShape<typeof PublishRequestSchema>) =>
      transport.serverStream(SyncService.method.publish, request),
    publishStream: (requests: AsyncIterable<MessageInitShape<typeof PublishStreamRequestSchema>>) =>
      transport.bidiStream(SyncService.method.publishStream, requests),
    /** @param waitMs whole; undefined: the hub's default */
    publishAndWait: (event: EventInit | undefined, waitMs?: number) =>
      transport.unary(SyncService.method.publishAndWait, {
        ...(event !== undefined && { event }),
        ...(waitMs !== undefined && { wait: toDuration(waitMs) }),
      }),
    watchAcks: (request: MessageInitShape<typeof WatchAcksRequestSchema>) =>
      transport.serverStream(SyncService.method.watchAcks, request),
    getEvent: (id: string, source?: string) =>
      transport.unary(SyncService.method.getEvent, {
        id,
        includePayload: true,
        reason: 'test',
        ...(source !== undefined && { source }),
      }),
    getHealth: async (): Promise<HubHealth> =>
      present((await transport.unary(HealthService.method.getHealth, {})).health),
    watchHealth: async function* (): AsyncGenerator<HubHealth, void> {
      const messages = transport.serverStream(HealthService.method.watchHealth, {});
      for await (const { health } of messages) yield present(health);
    },
    checkHealth: async (service: string) => (await transport.unary(Health.method.check, { service })).status,
    watchServing: (service: string) => transport.serverStream(Health.method.watch, { service }),
    listServing: () => transport.unary(Health.method.list, {}),
    /** Any other call. */
    call: transport.unary,
    close: () => transport.close(),
  };
}

/** The messages of one Publish: Accepted, and all acks after it. */
export async function collect(
  results: ReturnType<SyncClient['publish']>,
): Promise<{ accepted: Accepted; acks: readonly Ack[] }> {
  const acks: Ack[] = [];
  let accepted: Accepted | undefined;
  for await (const { result } of results) {
    if (result.case === 'accepted') {
      if (accepted !== undefined || acks.length > 0) throw new Error('Accepted came late or twice');
      accepted = result.value;
    } else if (result.case === 'ack') acks.push(result.value);
  }
  return { accepted: present(accepted), acks };
}

/** The value, where the contract says that there is one. */
export function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the contract promises a value here, and there was none');
  return value;
}

function toDuration(milliseconds: number) {
  const seconds = Math.trunc(milliseconds / 1_000);
  return { seconds: BigInt(seconds), nanos: (milliseconds - seconds * 1_000) * 1e6 };
}

/** The first message of a stream that matches; then leaves the stream. */
export async function first<Item>(
  items: AsyncIterable<Item>,
  isWanted: (item: Item) => boolean = () => true,
): Promise<Item> {
  for await (const item of items) if (isWanted(item)) return item;
  throw new Error('the stream ended before a message matched');
}
