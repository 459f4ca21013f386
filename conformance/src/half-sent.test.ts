import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Stack, startStack } from './stack.ts';
import { collect, createSyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';
import { pathOf } from './wire.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.close());

function openSession(): ClientHttp2Session {
  const session = connect(stack.hub.address);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

async function expectWell(): Promise<void> {
  const client = createSyncClient(grpcJs.create(stack.hub.address));
  const { acks } = await collect(client.publish({ event: { type: 'ProcessUpdated' } }));
  expect(acks).toHaveLength(3);
  client.close();
}

describe('messages that are never completed', () => {
  test('are ended once they use too much memory, and the hub continues', async () => {
    const session = openSession();
    const sizeBytes = 4 * 1024 * 1024;
    // The hub keeps 256 MiB of them.
    const messages = 70;
    const ended = Promise.withResolvers<number>();
    for (let sent = 0; sent < messages; sent += 1) {
      const stream = session.request({
        ':method': 'POST',
        ':path': pathOf(SyncService.method.publish),
        'content-type': 'application/grpc+proto',
      });
      stream.on('error', () => undefined);
      stream.on('close', () => ended.resolve(stream.rstCode));
      const message = Buffer.alloc(5 + sizeBytes - 100);
      message.writeUInt32BE(sizeBytes, 1);
      stream.write(message);
    }
    expect(await ended.promise).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    session.destroy();
    await expectWell();
  });
});

describe('a deadline longer than the longest timer', () => {
  test('does not end the call at once', async () => {
    const stream = openSession().request({
      ':method': 'POST',
      ':path': pathOf(HealthService.method.watchHealth),
      'content-type': 'application/grpc+proto',
      'grpc-timeout': '597H',
    });
    stream.end(Buffer.alloc(5));
    const news: string[] = [];
    stream.on('end', () => news.push('end'));
    stream.on('data', () => news.push('data'));
    await once(stream, 'data');
    // A result for it to report, which takes longer than the timer that ran over.
    await expectWell();
    await once(stream, 'data');
    expect(news).not.toContain('end');
  });
});
