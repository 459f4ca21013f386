import { connectHttp1 } from './transports/connect-http1.ts';
import { connectHttp2 } from './transports/connect-http2.ts';
import { connectJson } from './transports/connect-json.ts';
import { curl } from './transports/curl.ts';
import { grpcConnect } from './transports/grpc-connect.ts';
import { grpcJs } from './transports/grpc-js.ts';
import { grpcWeb } from './transports/grpc-web.ts';
import type { TransportKind } from './transports/transport.ts';

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
