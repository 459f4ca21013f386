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

/** An event of 3 MiB, the most that a hub takes, with its attributes; the hub sends no larger message than needed. */
const RECEIVE_MAX_BYTES = 8 * 1024 * 1024;
/** An adapter that takes longer to import hangs. */
const LOAD_TIMEOUT_MS = 10_000;

/** Which adapter is served, wherever. */
export interface ServicesOptions {
  /** Which adapter this is, by its manifest. */
  readonly adapter: AdapterIdentity;
  /** Where the adapter's records go, secrets taken out. Absent: lines of JSON on stderr, without debug. */
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
    // Not before it listens: importing may block, and a hub that cannot even connect would not know why.
    load: () => loaded.resolve(loadAdapter(source, { timeoutMs: loadTimeoutMs, name: adapter.id })),
    closed: (stopListening: () => void) => () => {
      closing ??= service.close().then(stopListening);
      return closing;
    },
  };
}
