import { EventEmitter } from 'node:events';
import type { Http2Session } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SessionPulse } from './session-pulse.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

/** A session whose client answers pings while it is well. */
class Client extends EventEmitter {
  isWell = true;
  requests = 0;
  closed = false;
  destroyed = false;

  ping(callback: (error: Error | null) => void): boolean {
    if (this.isWell) callback(null);
    return true;
  }

  request(): void {
    this.requests += 1;
    this.emit('stream');
  }

  close(): void {
    this.closed = true;
  }

  destroy(): void {
    this.closed = true;
    this.destroyed = true;
    this.emit('close');
  }
}

function connect(): Client {
  const client = new Client();
  const pulse = new SessionPulse({ countOf: () => client.requests });
  pulse.watch(client as unknown as Http2Session);
  return client;
}

describe('a connection over HTTP/2', () => {
  it('that makes no request gets GOAWAY after half a minute, and is ended when it does not', () => {
    const client = connect();
    vi.advanceTimersByTime(20 * SECOND);
    expect(client.closed).toBe(false);
    vi.advanceTimersByTime(10 * SECOND);
    expect(client).toMatchObject({ closed: true, destroyed: false });
    vi.advanceTimersByTime(10 * SECOND);
    expect(client.destroyed).toBe(true);
  });

  it('that answers no ping is ended within half a minute, though a request runs', () => {
    const client = connect();
    client.request();
    vi.advanceTimersByTime(5 * MINUTE);
    expect(client.closed).toBe(false);
    client.isWell = false;
    vi.advanceTimersByTime(30 * SECOND);
    expect(client.destroyed).toBe(true);
  });

  it('that answers lives as long as its request does', () => {
    const client = connect();
    client.request();
    vi.advanceTimersByTime(24 * 60 * MINUTE);
    expect(client.closed).toBe(false);
  });

  it('that rests between two requests is kept for a quarter of an hour', () => {
    const client = connect();
    client.request();
    client.requests = 0;
    vi.advanceTimersByTime(14 * MINUTE);
    expect(client.closed).toBe(false);
    client.request();
    client.requests = 0;
    vi.advanceTimersByTime(14 * MINUTE);
    expect(client.closed).toBe(false);
    vi.advanceTimersByTime(MINUTE);
    expect(client.closed).toBe(true);
  });

  it('that said itself that it goes keeps the requests that run', () => {
    const client = connect();
    client.request();
    client.close();
    vi.advanceTimersByTime(MINUTE);
    expect(client.destroyed).toBe(false);
    client.requests = 0;
    vi.advanceTimersByTime(10 * SECOND);
    expect(client.destroyed).toBe(true);
  });

  it('that ends while it is asked does no harm', () => {
    const client = connect();
    client.request();
    client.ping = () => {
      throw new Error('ERR_HTTP2_INVALID_SESSION');
    };
    vi.advanceTimersByTime(10 * SECOND);
    expect(client.destroyed).toBe(true);
  });
});
