import { promisify } from 'node:util';
import { Server } from '@grpc/grpc-js';
import { grpcServiceDefinition } from '@hms-sync/proto/grpc';
import { Health } from '@hms-sync/proto/health/v1/health';
import { AdapterService } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import type { AdapterLog } from '../adapter-log.ts';
import type { AdapterIdentity } from '../context.ts';
import { AdapterServer } from './adapter-service.ts';
import { requireBearerToken } from './bearer-token.ts';
import { createHealthService } from './health-service.ts';
import { createLineLog } from './line-log.ts';
import { type AdapterSource, loadAdapter } from './load-adapter.ts';
import { bindingOf, type ServeAddress } from './serve-address.ts';

export type { AdapterSource } from './load-adapter.ts';
export type { ServeAddress, ServerTls, SocketAddress, TcpAddress } from './serve-address.ts';

/** An event of 3 MiB, the most that a hub takes, with its attributes; the hub sends no larger message than needed. */
const RECEIVE_MAX_BYTES = 8 * 1024 * 1024;
/** An adapter that takes longer to import hangs. */
const LOAD_TIMEOUT_MS = 10_000;

/** How an adapter is served. */
export interface ServeOptions {
  /** Which adapter this is, by its manifest. */
  readonly adapter: AdapterIdentity;
  /** Where to listen. */
  readonly listen: ServeAddress;
  /** Where the adapter's records go, secrets taken out. Absent: lines of JSON on stderr, without debug. */
  readonly log?: AdapterLog;
  /** How long importing may take, when the source is a function; 10 s by default. */
  readonly loadTimeoutMs?: number;
}

/** An adapter that is being served. */
export interface ServedAdapter {
  /** Where: `unix:<path>`, or `host:port` with the port that was free. */
  readonly address: string;
  /** Waits for running attempts, 10 s at most, closes the adapter and stops listening. Again: the same. */
  close(): Promise<void>;
}

/**
 * Serves an adapter to hubs: hms.adapter.v1 by gRPC, with grpc.health.v1 beside it. It resolves when it listens.
 *
 * ```ts
 * const served = await serveAdapter(adapter, {
 *   adapter: { id: 'lab', version: '1.0.0' },
 *   listen: { host: '0.0.0.0', port: 7443, tls: { cert, key, clientCa }, token },
 * });
 * process.once('SIGTERM', () => void served.close());
 * ```
 *
 * @param source the definition, or a function that imports its module: what that throws is told to the hub, which
 *   shows the adapter as FAILED with the reason
 * @throws TypeError for an address that is not allowed; Error when it cannot listen there
 */
export async function serveAdapter(source: AdapterSource, options: ServeOptions): Promise<ServedAdapter> {
  const { adapter, listen, log = createLineLog(), loadTimeoutMs = LOAD_TIMEOUT_MS } = options;
  const { target, credentials } = bindingOf(listen);
  const token = 'path' in listen ? undefined : listen.token;
  const server = new Server({
    'grpc.max_receive_message_length': RECEIVE_MAX_BYTES,
    interceptors: token === undefined ? [] : [requireBearerToken(token)],
  });
  const loaded = Promise.withResolvers<Awaited<ReturnType<typeof loadAdapter>>>();
  const service = new AdapterServer({ adapter, loading: loaded.promise, log });
  server.addService(grpcServiceDefinition(AdapterService), service.implementation);
  server.addService(grpcServiceDefinition(Health), createHealthService());
  const port = await promisify(server.bindAsync.bind(server))(target, credentials);
  // Not before it listens: importing may block, and a hub that cannot even connect would not know why.
  loaded.resolve(loadAdapter(source, { timeoutMs: loadTimeoutMs, name: adapter.id }));
  let closing: Promise<void> | undefined;
  return {
    address: 'path' in listen ? target : `${target.slice(0, target.lastIndexOf(':'))}:${port}`,
    close: () => {
      closing ??= service.close().then(() => server.forceShutdown());
      return closing;
    },
  };
}
