import type { OutgoingHttpHeaders, RequestListener } from 'node:http';

/**
 * Connect encodes every character of grpc-message that a URI would (2.2.0); gRPC encodes only what is not visible ASCII
 * (PROTOCOL-HTTP2.md, "Percent-Encoded"), and @grpc/grpc-js decodes no more than that: its users would read
 * "type%3A required". This wraps a handler so that the trailer is what gRPC says.
 */
export function withReadableGrpcMessage(handler: RequestListener): RequestListener {
  return (request, response) => {
    const addTrailers = response.addTrailers.bind(response);
    response.addTrailers = (trailers) => addTrailers('grpc-message' in trailers ? readable(trailers) : trailers);
    handler(request, response);
  };
}

const MESSAGE = 'grpc-message';

function readable(trailers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const message = trailers[MESSAGE];
  return typeof message === 'string' ? { ...trailers, [MESSAGE]: relaxed(message) } : trailers;
}

/** Decodes what stands for visible ASCII or a space, but for the percent sign itself. */
function relaxed(encoded: string): string {
  return encoded.replace(/%([2-7][0-9A-F])/g, (code, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return character === '%' || character === '\u007f' ? code : character;
  });
}
