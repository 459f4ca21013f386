import { EventEmitter, once } from 'node:events';
import { createServer, get, type RequestListener } from 'node:http';
import { type ClientHttp2Stream, connect, constants, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, it, onTestFinished, vi } from 'vitest';
import { type HttpHandler, type HttpResponse, MESSAGE_CLASSES } from './messages.ts';
import { ResponseBudget } from './response-budget.ts';

const TOTAL_BYTES = 100_000;

/** Answers with as many bytes as the path asks for. */
const answer: HttpHandler = ({ url = '' }, response) => {
  response.write(Buffer.alloc(Number(url.slice(1))));
  response.end();
};

function within(budget: ResponseBudget, handler: HttpHandler): RequestListener {
  const watched: HttpHandler = (request, response) => {
    budget.watch(response);
    handler(request, response);
  };
  return watched as RequestListener;
}

async function port(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const closed = (stream: ClientHttp2Stream) => new Promise((resolve) => stream.once('close', resolve));

/** A client over HTTP/2 whose answers come only as far as each is given a window. */
async function openHttp2(handler: HttpHandler = answer, stillMaxMs = 60_000) {
  const budget = new ResponseBudget({ totalBytesMax: TOTAL_BYTES, stillMaxMs });
  const server = createHttp2Server(MESSAGE_CLASSES.http2, within(budget, handler) as never);
  const session = connect(`http://127.0.0.1:${await port(server)}`, { settings: { initialWindowSize: 0 } });
  onTestFinished(() => session.destroy());
  await once(session, 'remoteSettings');
  return {
    session,
    ask: async (sizeBytes: number): Promise<ClientHttp2Stream> => {
      const stream = session.request({ ':path': `/${sizeBytes}` });
      stream.on('error', () => undefined);
      await once(stream, 'response');
      return stream;
    },
  };
}

it('ends the answers that stall the longest once unread ones are too many, and no other', async () => {
  const { session, ask } = await openHttp2();
  const oldest = await ask(35_000);
  const older = await ask(35_000);
  const ended = closed(oldest);
  const newest = await ask(35_000);
  await ended;
  expect(oldest.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  session.settings({ initialWindowSize: 65_535 });
  expect((await Promise.all([older, newest].map(buffer))).map(({ byteLength }) => byteLength)).toEqual([
    35_000, 35_000,
  ]);
});

it('counts nothing that was read, or whose reader went', async () => {
  const { session, ask } = await openHttp2();
  const waiting = buffer(await ask(35_000));
  for (let asked = 0; asked < 10; asked += 1) {
    const stream = await ask(35_000);
    stream.close(constants.NGHTTP2_CANCEL);
    await closed(stream);
  }
  session.settings({ initialWindowSize: 65_535 });
  for (let asked = 0; asked < 10; asked += 1) await buffer(await ask(35_000));
  expect((await waiting).byteLength).toBe(35_000);
});

it('lets an answer go on that is written to again and again', async () => {
  const answers = new Map<string, HttpResponse>();
  const { ask } = await openHttp2((request, response) => {
    response.write(Buffer.alloc(30_000));
    answers.set(request.url ?? '', response);
  });
  const moving = await ask(1);
  const still = await ask(2);
  answers.get('/1')?.write(Buffer.alloc(30_000));
  const ended = closed(still);
  await ask(3);
  await ended;
  expect(moving.closed).toBe(false);
});

it('ends a complete answer that stalls, however small, and none that is read', async () => {
  const { session, ask } = await openHttp2(answer, 50);
  const still = await ask(2);
  await closed(still);
  expect(still.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  session.settings({ initialWindowSize: 65_535 });
  expect((await buffer(await ask(35_000))).byteLength).toBe(35_000);
});

it('lets an answer go on that is read slowly, however long, and listens to it no more often', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const destroy = vi.fn();
  const unread = { writableLength: 1_000, destroyed: false, onWritten: (_isEnd: boolean) => undefined, destroy };
  const response = Object.assign(new EventEmitter(), unread);
  new ResponseBudget({ stillMaxMs: 50 }).watch(response as unknown as HttpResponse);
  response.onWritten(true);
  const listeners = response.listenerCount('close');
  for (let looks = 0; looks < 20; looks += 1) {
    response.writableLength -= 10;
    vi.advanceTimersByTime(50);
  }
  expect(destroy).not.toHaveBeenCalled();
  expect(response.listenerCount('close')).toBe(listeners);
  vi.advanceTimersByTime(50);
  expect(destroy).toHaveBeenCalledOnce();
});

it('holds for HTTP/1.1 alike', async () => {
  const budget = new ResponseBudget({ totalBytesMax: TOTAL_BYTES });
  const server = createServer(MESSAGE_CLASSES.http1, within(budget, answer));
  const address = `http://127.0.0.1:${await port(server)}`;
  // More than the network takes for a reader that does not read.
  const sizeBytes = 32 * 1024 * 1024;
  const failed = await new Promise<NodeJS.ErrnoException>((resolve) => {
    const request = get(`${address}/${sizeBytes}`, (response) => response.once('error', resolve));
    request.once('error', resolve);
  });
  expect(failed.code).toBe('ECONNRESET');
});
