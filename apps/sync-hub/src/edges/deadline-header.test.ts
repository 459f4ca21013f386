import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { withBoundedDeadline } from './deadline-header.ts';

/** The headers as the handler sees them. */
function pass(headers: Record<string, string>): Record<string, string> {
  withBoundedDeadline(() => undefined)({ headers } as unknown as IncomingMessage, {} as ServerResponse);
  return headers;
}

it.each(['597H', '35792M', '2147484S', '99999999H'])(
  'takes grpc-timeout %s for the longest that a timer holds',
  (deadline) => {
    expect(pass({ 'grpc-timeout': deadline })).toEqual({ 'grpc-timeout': '596H' });
  },
);

it.each(['596H', '35791M', '10S', '99999999m', '99999999u', '1n', 'soon', ''])(
  'leaves grpc-timeout %s as it is',
  (deadline) => {
    expect(pass({ 'grpc-timeout': deadline })).toEqual({ 'grpc-timeout': deadline });
  },
);

it('takes connect-timeout-ms alike', () => {
  expect(pass({ 'connect-timeout-ms': '2147483648' })).toEqual({ 'connect-timeout-ms': '2147483647' });
  expect(pass({ 'connect-timeout-ms': '5000' })).toEqual({ 'connect-timeout-ms': '5000' });
  expect(pass({})).toEqual({});
});
