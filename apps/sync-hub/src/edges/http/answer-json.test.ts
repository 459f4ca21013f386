import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { answerJson } from './answer-json.ts';

let hangUp: () => void = () => undefined;

afterEach(() => {
  vi.useRealTimers();
  hangUp();
});

/** A connection to a server that refuses every request without a look at its body. */
async function dial(): Promise<Socket> {
  const server = createServer((request, response) => {
    answerJson(request, response, { status: 415, headers: { 'retry-after': '1' }, body: { status: 'refused' } });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  hangUp = () => {
    socket.destroy();
    server.close();
  };
  await once(socket, 'connect');
  return socket;
}

function head(sizeBytes: number): string {
  return `POST /sync HTTP/1.1\r\nhost: hub\r\ncontent-length: ${sizeBytes}\r\n\r\n`;
}

describe('an answer to a body that was not read', () => {
  it('reaches a client that sends everything before it reads anything', async () => {
    const socket = await dial();
    // However long a busy machine takes to send it all.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    // More than the buffers between the two hold.
    const body = Buffer.alloc(32 * 1024 * 1024);
    socket.write(head(body.byteLength));
    await new Promise<void>((sent, failed) => socket.write(body, (error) => (error ? failed(error) : sent())));
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 415 /);
    expect(answer).toMatch(/\r\nretry-after: 1\r\n/);
    expect(answer).toMatch(/\r\n\r\n{"status":"refused"}\n$/);
  });

  it('ends the connection as soon as the body is in, without waiting for the time to pass', async () => {
    const socket = await dial();
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    socket.write(`${head(4)}abcd`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 415 .*\r\nconnection: close\r\n/is);
  });
});
