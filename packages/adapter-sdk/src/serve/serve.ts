import { promisify } from 'node:util';
import { requireBearerToken } from './bearer-token.ts';
import type { AdapterSource } from './load-adapter.ts';
import { bindingOf, type ServeAddress } from './serve-address.ts';
import { createServices, type ServicesOptions } from './services.ts';

export type { AdapterSource } from './load-adapter.ts';
export type { ServeAddress, ServerTls, SocketAddress, TcpAddress } from './serve-address.ts';

/** How an adapter is served. */
export interface ServeOptions extends ServicesOptions {
  /** Where to listen. */
  readonly listen: ServeAddress;
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
 * @param source the definition, or a function that imports its module: what that throws is reported to the hub, which
 *   shows the adapter as FAILED with the reason
 * @throws TypeError for an address that is not allowed; Error when it cannot listen there
 */
export async function serveAdapter(source: AdapterSource, options: ServeOptions): Promise<ServedAdapter> {
  const { listen } = options;
  const { target, credentials } = bindingOf(listen);
  const token = 'path' in listen ? undefined : listen.token;
  const { load, createServer, closed, log } = createServices(source, options);
  if (!('path' in listen) && token === undefined && listen.tls?.clientCa === undefined) {
    log.warn(
      'whoever reaches the address can configure this adapter and send it events: set listen.token or listen.tls.clientCa',
    );
  }
  const server = createServer(token === undefined ? [] : [requireBearerToken(token)]);
  const port = await promisify(server.bindAsync.bind(server))(target, credentials);
  load();
  return {
    address: 'path' in listen ? target : `${target.slice(0, target.lastIndexOf(':'))}:${port}`,
    close: closed(() => server.forceShutdown()),
  };
}
