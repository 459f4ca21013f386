import { connectHttp1, connectHttp2, connectJson, grpcConnect, grpcWeb } from './connect-transport.ts';
import { curl } from './curl.ts';
import { grpcJs } from './grpc-js.ts';
import type { TransportKind } from './transport.ts';

/** Every way that the hub promises to be called. */
export const transports: readonly TransportKind[] = [
  grpcJs,
  grpcConnect,
  grpcWeb,
  connectHttp1,
  connectHttp2,
  connectJson,
  curl,
];
