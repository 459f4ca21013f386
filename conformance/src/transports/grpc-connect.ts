import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { fromConnect } from './connect-transport.ts';
import type { TransportKind } from './transport.ts';

export const grpcConnect: TransportKind = {
  name: 'gRPC by connect-node',
  features: { serverStreams: true, bidiStreams: true },
  wire: { httpVersion: '2', protocol: 'grpc', codec: 'proto' },
  create: (baseUrl) => {
    const sessionManager = new Http2SessionManager(baseUrl);
    return fromConnect(createGrpcTransport({ baseUrl, sessionManager }), () => sessionManager.abort());
  },
};
