import {
  type CallOptions,
  type Client,
  type ClientReadableStream,
  credentials,
  makeGenericClientConstructor,
} from '@grpc/grpc-js';
import { grpcServiceDefinition } from '@hms-sync/proto/grpc';
import { type PublishRequest, type PublishResponse, SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';

/** The rpcs of the hub that this publisher calls. */
export interface SyncClient extends Client {
  Publish(request: PublishRequest, options: CallOptions): ClientReadableStream<PublishResponse>;
}

const SyncServiceClient = makeGenericClientConstructor(grpcServiceDefinition(SyncService), SyncService.typeName);

/**
 * A native gRPC client of the hub. It connects when it is first used, and again after the connection was lost.
 *
 * @param address "host:port", such as "127.0.0.1:7003"
 */
export function createSyncClient(address: string): SyncClient {
  const client: unknown = new SyncServiceClient(address, credentials.createInsecure(), {
    // gRPC waits a second before it connects again, longer than a hub needs to restart; our own backoff sets the pace.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
  });
  // The constructor makes a method for each rpc of the definition; grpc-js has no type that says so.
  return client as SyncClient;
}
