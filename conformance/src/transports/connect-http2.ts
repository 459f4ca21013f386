import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { fromConnect } from './connect-transport.ts';
import type { TransportKind } from './transport.ts';

export const connectHttp2: TransportKind = {
  name: 'Connect over HTTP/2',
  features: { serverStreams: true, bidiStreams: true },
  wire: { httpVersion: '2', protocol: 'connect', codec: 'proto' },
  create: (baseUrl) => {
    const sessionManager = new Http2SessionManager(baseUrl);
    return fromConnect(createConnectTransport({ baseUrl, httpVersion: '2', sessionManager }), () =>
      sessionManager.abort(),
    );
  },
};
