import { Server, type ServerInterceptor } from '@grpc/grpc-js';
import { grpcServiceDefinition } from '@hms-sync/proto/grpc';
import { Health } from '@hms-sync/proto/health/v1/health';
import { AdapterService } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import type { AdapterLog } from '../adapter-log.ts';
import type { AdapterIdentity } from '../context.ts';
import { AdapterServer } from './adapter-service.ts';
import { createHealthService } from './health-service.ts';
import { createLineLog } from './line-log.ts';
import { type AdapterSource, loadAdapter } from './load-adapter.ts';

/** More than the largest event of a hub, 3 MiB, with its attributes. */
const RECEIVE_MAX_BYTES = 8 * 1024 * 1024;
/** A longer import is treated as a hang. */
const LOAD_TIMEOUT_MS = 10_000;

/** Options of a served adapter. */
export interface ServicesOptions {
  /** The id and version in its manifest. */
  readonly adapter: AdapterIdentity;
  /** Gets the adapter's records, with secrets redacted. Absent: lines of JSON on stderr, without debug. */
  readonly log?: AdapterLog;
  /** How long importing may take, when the source is a function; 10 s by default. */
  readonly loadTimeoutMs?: number;
}

/** The rpcs of one adapter, for any number of servers. */
export function createServices(source: AdapterSource, options: ServicesOptions) {
  const { adapter, log = createLineLog(), loadTimeoutMs = LOAD_TIMEOUT_MS } = options;
  const loaded = Promise.withResolvers<Awaited<ReturnType<typeof loadAdapter>>>();
  const service = new AdapterServer({ adapter, loading: loaded.promise, log });
  let closing: Promise<void> | undefined;
  return {
    log,
    createServer: (interceptors: ServerInterceptor[]): Server => {
      const server = new Server({ 'grpc.max_receive_message_length': RECEIVE_MAX_BYTES, interceptors });
      server.addService(grpcServiceDefinition(AdapterService), service.implementation);
      server.addService(grpcServiceDefinition(Health), createHealthService());
      return server;
    },
    // Call it after listening: an import may block, and the hub must be able to connect to get the reason.
    load: () => loaded.resolve(loadAdapter(source, { timeoutMs: loadTimeoutMs, name: adapter.id })),
    closed: (stopListening: () => void) => () => {
      closing ??= service.close().then(stopListening);
      return closing;
    },
  };
}
