import { Agent } from 'node:http';
import { createConnectTransport } from '@connectrpc/connect-node';
import { fromConnect } from './connect-transport.ts';
import type { TransportKind } from './transport.ts';

export const connectHttp1: TransportKind = {
  name: 'Connect over HTTP/1.1',
  features: { serverStreams: true, bidiStreams: false },
  wire: { httpVersion: '1.1', protocol: 'connect', codec: 'proto' },
  create: (baseUrl) => {
    const agent = new Agent({ keepAlive: true });
    return fromConnect(createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions: { agent } }), () =>
      agent.destroy(),
    );
  },
};
