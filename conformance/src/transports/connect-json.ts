import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { fromConnect } from './connect-transport.ts';
import type { TransportKind } from './transport.ts';

export const connectJson: TransportKind = {
  name: 'Connect in JSON over HTTP/2',
  features: { serverStreams: true, bidiStreams: true },
  wire: { httpVersion: '2', protocol: 'connect', codec: 'json' },
  create: (baseUrl) => {
    const sessionManager = new Http2SessionManager(baseUrl);
    const transport = createConnectTransport({ baseUrl, httpVersion: '2', sessionManager, useBinaryFormat: false });
    return fromConnect(transport, () => sessionManager.abort());
  },
};
