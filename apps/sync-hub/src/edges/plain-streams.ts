import type { RequestListener } from 'node:http';

/** By what a caller offers to take compressed messages: gRPC and gRPC-Web, and the streams of Connect. */
const OFFERS = ['grpc-accept-encoding', 'connect-accept-encoding'];

/**
 * Wraps a handler so that it compresses no message of a stream, whatever the caller offers: each message of some acks
 * would go through zlib, on another thread and back. That took longer than all the rest of its way, and 5 % of the
 * processor; their bytes are worth less than that on any network between a publisher and its hub.
 */
export function withPlainStreams(handler: RequestListener, isStream: (path: string) => boolean): RequestListener {
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (isStream(path)) for (const offer of OFFERS) delete request.headers[offer];
    handler(request, response);
  };
}
