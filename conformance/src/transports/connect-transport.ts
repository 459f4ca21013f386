import { Agent } from 'node:http';
import type { DescMessage, DescMethodStreaming, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { ConnectError, type Transport as ConnectTransport } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { CallError, type ErrorDetail } from '../call-error.ts';
import type { Transport, TransportKind } from './transport.ts';

export const grpcConnect: TransportKind = {
  name: 'gRPC by connect-node',
  features: { serverStreams: true, bidiStreams: true },
  wire: { httpVersion: '2', protocol: 'grpc', codec: 'proto' },
  create: (baseUrl) => overHttp2(baseUrl, (sessionManager) => createGrpcTransport({ baseUrl, sessionManager })),
};

/** Over HTTP/1.1, as a browser without TLS speaks it. */
export const grpcWeb: TransportKind = {
  name: 'gRPC-Web',
  features: { serverStreams: true, bidiStreams: false },
  wire: { httpVersion: '1.1', protocol: 'grpc-web', codec: 'proto' },
  create: (baseUrl) => overHttp1((nodeOptions) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions })),
};

export const connectHttp1: TransportKind = {
  name: 'Connect over HTTP/1.1',
  features: { serverStreams: true, bidiStreams: false },
  wire: { httpVersion: '1.1', protocol: 'connect', codec: 'proto' },
  create: (baseUrl) => overHttp1((nodeOptions) => createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions })),
};

export const connectHttp2: TransportKind = {
  name: 'Connect over HTTP/2',
  features: { serverStreams: true, bidiStreams: true },
  wire: { httpVersion: '2', protocol: 'connect', codec: 'proto' },
  create: (baseUrl) =>
    overHttp2(baseUrl, (sessionManager) => createConnectTransport({ baseUrl, httpVersion: '2', sessionManager })),
};

export const connectJson: TransportKind = {
  name: 'Connect in JSON over HTTP/2',
  features: { serverStreams: true, bidiStreams: true },
  wire: { httpVersion: '2', protocol: 'connect', codec: 'json' },
  create: (baseUrl) =>
    overHttp2(baseUrl, (sessionManager) =>
      createConnectTransport({ baseUrl, httpVersion: '2', sessionManager, useBinaryFormat: false }),
    ),
};

/** gRPC for a caller that takes no compressed answers, however large: a trace of their writes can be read. */
export function uncompressedGrpc(baseUrl: string): Transport {
  return overHttp2(baseUrl, (sessionManager) =>
    createGrpcTransport({ baseUrl, sessionManager, acceptCompression: [] }),
  );
}

/** gRPC by TLS, for a caller that trusts this authority, in PEM. */
export function secureGrpc(baseUrl: string, ca: string): Transport {
  return overHttp2(baseUrl, (sessionManager) => createGrpcTransport({ baseUrl, sessionManager }), { ca });
}

/** With a connection of its own. */
function overHttp2(
  baseUrl: string,
  open: (sessionManager: Http2SessionManager) => ConnectTransport,
  tls: { readonly ca?: string } = {},
): Transport {
  const sessionManager = new Http2SessionManager(baseUrl, {}, tls);
  return fromConnect(open(sessionManager), () => sessionManager.abort());
}

/** With connections of its own. */
function overHttp1(open: (nodeOptions: { readonly agent: Agent }) => ConnectTransport): Transport {
  const agent = new Agent({ keepAlive: true });
  return fromConnect(open({ agent }), () => agent.destroy());
}

/** A transport of connect-node in the form that the cases are written for. */
function fromConnect(transport: ConnectTransport, close: () => void): Transport {
  async function* stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    requests: AsyncIterable<MessageInitShape<I>>,
  ): AsyncIterable<MessageShape<O>> {
    const leave = new AbortController();
    try {
      const response = await transport.stream(method, leave.signal, undefined, undefined, requests);
      yield* response.message;
    } catch (error) {
      throw toCallError(error);
    } finally {
      leave.abort();
    }
  }

  return {
    unary: async (method, request) => {
      try {
        return (await transport.unary(method, undefined, undefined, undefined, request)).message;
      } catch (error) {
        throw toCallError(error);
      }
    },
    serverStream: (method, request) => stream(method, only(request)),
    bidiStream: stream,
    close,
  };
}

async function* only<Value>(value: Value): AsyncIterable<Value> {
  yield value;
}

function toCallError(error: unknown): CallError {
  const { code, rawMessage, details } = ConnectError.from(error);
  const incoming = details.flatMap((detail): ErrorDetail[] => ('type' in detail ? [detail] : []));
  return new CallError({ code: codeToString(code), message: rawMessage, details: incoming });
}
