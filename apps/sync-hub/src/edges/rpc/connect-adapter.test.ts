import { once } from 'node:events';
import { connect } from 'node:http2';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openAdminTestHub } from './admin-hub.fixture.ts';
import { boundDeadline } from './connect-adapter.ts';

/** The headers of a call, changed. */
function changed(change: (header: Headers) => void, headers: Record<string, string>): Record<string, string> {
  const header = new Headers(headers);
  change(header);
  return Object.fromEntries(header);
}

describe('a deadline', () => {
  it.each(['597H', '35792M', '2147484S', '99999999H'])(
    'of grpc-timeout %s is the longest that a timer holds',
    (deadline) => {
      expect(changed(boundDeadline, { 'grpc-timeout': deadline })).toEqual({ 'grpc-timeout': '596H' });
    },
  );

  it.each(['596H', '35791M', '10S', '99999999m', '99999999u', '1n', 'soon', ''])(
    'of grpc-timeout %s stays as it is',
    (deadline) => {
      expect(changed(boundDeadline, { 'grpc-timeout': deadline })).toEqual({ 'grpc-timeout': deadline });
    },
  );

  it('of connect-timeout-ms is bounded alike', () => {
    const bounded = (headers: Record<string, string>) => changed(boundDeadline, headers);
    expect(bounded({ 'connect-timeout-ms': '2147483648' })).toEqual({ 'connect-timeout-ms': '2147483647' });
    expect(bounded({ 'connect-timeout-ms': '5000' })).toEqual({ 'connect-timeout-ms': '5000' });
    expect(bounded({})).toEqual({});
  });
});

it.each([
  ['WatchHealth', undefined],
  ['GetHealth', 'gzip'],
])('the messages of %s are compressed by %s for a caller who offers gzip', async (rpc, encoding) => {
  const { port } = await openAdminTestHub();
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': `/hms.sync.v1.HealthService/${rpc}`,
    'content-type': 'application/grpc',
    'grpc-accept-encoding': 'gzip',
  });
  stream.end(new Uint8Array(5));
  const [headers] = await once(stream, 'response');
  expect(headers['grpc-encoding']).toBe(encoding);
  stream.close();
});
