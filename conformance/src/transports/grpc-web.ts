import { Agent } from 'node:http';
import { createGrpcWebTransport } from '@connectrpc/connect-node';
import { fromConnect } from './connect-transport.ts';
import type { TransportKind } from './transport.ts';

/** Over HTTP/1.1, as a browser without TLS speaks it. */
export const grpcWeb: TransportKind = {
  name: 'gRPC-Web',
  features: { serverStreams: true, bidiStreams: false },
  wire: { httpVersion: '1.1', protocol: 'grpc-web', codec: 'proto' },
  create: (baseUrl) => {
    const agent = new Agent({ keepAlive: true });
    return fromConnect(createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions: { agent } }), () =>
      agent.destroy(),
    );
  },
};
