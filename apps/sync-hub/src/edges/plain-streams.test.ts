import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { withPlainStreams } from './plain-streams.ts';

/** The headers as the handler sees them. */
function pass(url: string, headers: Record<string, string>): Record<string, string> {
  const handler = withPlainStreams(
    () => undefined,
    (path) => path === '/stream',
  );
  handler({ url, headers } as unknown as IncomingMessage, {} as ServerResponse);
  return headers;
}

it.each(['grpc-accept-encoding', 'connect-accept-encoding'])('leaves no %s to a stream', (name) => {
  expect(pass('/stream', { [name]: 'gzip', 'grpc-encoding': 'gzip' })).toEqual({ 'grpc-encoding': 'gzip' });
});

it('leaves everything to other calls', () => {
  const headers = { 'grpc-accept-encoding': 'gzip', 'accept-encoding': 'br' };
  expect(pass('/unary?of=stream', { ...headers })).toEqual(headers);
});
