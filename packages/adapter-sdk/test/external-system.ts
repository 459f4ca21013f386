import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

/** One call that an external system got. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real HTTP server on 127.0.0.1 that records every call. */
export interface ExternalSystem extends AsyncDisposable {
  readonly baseUrl: string;
  readonly calls: readonly Call[];
  /** Resolves when so many calls have come in. */
  called(count: number): Promise<void>;
}

/**
 * Starts an external system that answers by `answer`, called once the request's body is in.
 *
 * @param tls makes it speak https.
 */
export async function externalSystem(
  answer: (response: ServerResponse, request: IncomingMessage) => unknown,
  tls?: ServerOptions,
): Promise<ExternalSystem> {
  const calls: Call[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = '', url: path = '', headers } = request;
    calls.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
    for (const { count, resolve } of waiting) if (calls.length >= count) resolve();
    answer(response, request);
  };
  const server = tls === undefined ? createServer(receive) : createTlsServer(tls, receive);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    calls,
    called: (count) =>
      calls.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve })),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
