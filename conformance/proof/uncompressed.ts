import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { fromConnect } from '../src/transports/connect-transport.ts';
import type { Transport } from '../src/transports/transport.ts';

/** gRPC for a caller that takes no compressed answers, however large: a trace of their writes can be read. */
export function uncompressed(baseUrl: string): Transport {
  const sessionManager = new Http2SessionManager(baseUrl);
  const transport = createGrpcTransport({ baseUrl, sessionManager, acceptCompression: [] });
  return fromConnect(transport, () => sessionManager.abort());
}
