import { promisify } from 'node:util';
import { requireBearerToken, requireHubName } from './caller-checks.ts';
import type { AdapterSource } from './load-adapter.ts';
import { bindingOf, type ServeAddress, tokensOf } from './serve-address.ts';
import type { ServerTls } from './server-certificates.ts';
import { createServices, type ServicesOptions } from './services.ts';

export type { AdapterSource } from './load-adapter.ts';
export type { ServeAddress, SocketAddress, TcpAddress } from './serve-address.ts';
export type { AcceptedHubs, ServerTls, ServerTlsFiles } from './server-certificates.ts';

/** How an adapter is served. */
export interface ServeOptions extends ServicesOptions {
  /** Where to listen. */
  readonly listen: ServeAddress;
}

/** An adapter that is being served. */
export interface ServedAdapter {
  /** Its address: `unix:<path>`, or `host:port` with the actual port. */
  readonly address: string;
  /**
   * Uses another certificate, and another `clientCa`, for new connections; open ones continue.
   *
   * @throws TypeError when it cannot be used, and then the former is kept; when the adapter is served without TLS, or from
   *   files; when `clientCa` is added or removed
   */
  setTls(tls: ServerTls): void;
  /** Waits for running attempts, for at most 10 s, closes the adapter and stops listening. Can be called again. */
  close(): Promise<void>;
}

/**
 * Serves an adapter to hubs over gRPC: hms.adapter.v1 and grpc.health.v1. Resolves when it listens.
 *
 * ```ts
 * const served = await serveAdapter(adapter, {
 *   adapter: { id: 'lab', version: '1.0.0' },
 *   listen: { host: '0.0.0.0', port: 7443, tls: { certFile: 'lab.pem', keyFile: 'lab-key.pem' }, token },
 * });
 * process.once('SIGTERM', () => void served.close());
 * ```
 *
 * @param source the definition, or a function that imports its module; if that throws, the hub shows the adapter as FAILED
 *   with the reason
 * @throws TypeError for an address that is not allowed, an empty token, or a certificate that cannot be used; Error when it
 *   cannot listen there
 */
export async function serveAdapter(source: AdapterSource, options: ServeOptions): Promise<ServedAdapter> {
  const { listen } = options;
  const { target, credentials, certificates } = await bindingOf(listen);
  const tokens = tokensOf(listen);
  const { load, createServer, closed, log } = createServices(source, options);
  if (!('path' in listen) && tokens === undefined && certificates?.asksCallers !== true) {
    log.warn(
      'anyone who can reach the address can configure this adapter and send it events: set listen.token or listen.tls.clientCa',
    );
  }
  const server = createServer([
    ...(tokens === undefined ? [] : [requireBearerToken(tokens)]),
    ...(certificates === undefined ? [] : [requireHubName(() => certificates.hubNames)]),
  ]);
  const port = await promisify(server.bindAsync.bind(server))(target, credentials);
  load();
  const stopWatching = certificates?.watch(log);
  return {
    address: 'path' in listen ? target : `${target.slice(0, target.lastIndexOf(':'))}:${port}`,
    setTls: (tls) => {
      if (certificates === undefined) throw new TypeError('setTls: the adapter is served without TLS');
      certificates.set(tls);
    },
    close: closed(() => {
      stopWatching?.();
      server.forceShutdown();
    }),
  };
}
