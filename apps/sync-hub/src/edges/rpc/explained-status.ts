import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';

/**
 * Wraps an rpc so that whoever calls it in a way that none of its protocols knows hears what to send. Connect (2.2.0)
 * answers that with a bare status.
 */
export function withExplainedStatus(handler: UniversalHandler): UniversalHandler {
  const explained: UniversalHandler = Object.assign(
    async (request: Parameters<UniversalHandler>[0]) => explain(await handler(request), handler),
    { ...handler },
  );
  return explained;
}

function explain(response: UniversalServerResponse, handler: UniversalHandler): UniversalServerResponse {
  const message = messageOf(response.status, handler);
  if (message === undefined || response.body !== undefined) return response;
  const header = new Headers(response.header);
  header.set('content-type', 'application/json');
  if (response.status === 405) header.set('allow', handler.allowedMethods.join(', '));
  return { ...response, header, body: textOf(JSON.stringify({ code: 'invalid_argument', message })) };
}

function messageOf(status: number, { method, requestPath, allowedMethods }: UniversalHandler): string | undefined {
  const isUnary = method.methodKind === 'unary';
  const connect = isUnary
    ? ['application/json', 'application/proto']
    : ['application/connect+json', 'application/connect+proto'];
  const types = [...connect, 'application/grpc', 'application/grpc-web'].join(', ');
  switch (status) {
    case 405:
      return `${requestPath} takes ${allowedMethods.join(', ')}`;
    case 415:
      return `${requestPath} is an rpc: it takes a body of content-type ${types}${isUnary ? '' : ', as a stream of messages'}; send one of them`;
    case 505:
      return `${requestPath} is a stream in both directions, which needs HTTP/2`;
    default:
      return undefined;
  }
}

async function* textOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
