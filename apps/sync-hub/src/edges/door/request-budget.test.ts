import { type EventEmitter, once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, constants } from 'node:http2';
import { expect, it, onTestFinished, vi } from 'vitest';
import { listen } from './listener.ts';
import type { HttpHandler } from './messages.ts';
import { type BudgetBounds, RequestBudget } from './request-budget.ts';

const closed = (emitter: EventEmitter) => new Promise((resolve) => emitter.once('close', resolve));

/** A listener within a budget that answers each request once its body is whole. */
async function open(bounds: Partial<BudgetBounds>) {
  const budget = new RequestBudget({ totalBytes: 1_000, messageMs: 60_000, ...bounds });
  const handler: HttpHandler = (request, response) => {
    budget.watch(request, response, { hasMany: request.url === '/many' || request.url === '/refused' });
    request.on('error', () => undefined);
    if (request.url === '/refused') {
      request.destroy();
      return void response.end('no');
    }
    request.resume();
    request.on('end', () => response.end('whole'));
  };
  const listener = await listen({ host: '127.0.0.1', port: 0 }, handler);
  const session = connect(`http://127.0.0.1:${listener.port}`);
  onTestFinished(async () => {
    session.destroy();
    budget.close();
    await listener.close(0);
  });
  const post = (contentType = 'application/proto', path = '/') => {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': contentType });
    stream.on('error', () => undefined);
    return stream;
  };
  return { budget, listener, post };
}

it('counts what is unfinished, and no more once it is whole', async () => {
  const { budget, post } = await open({});
  const stream = post();
  stream.write(Buffer.alloc(400));
  await vi.waitFor(() => expect(budget.totalBytes).toBe(400), { timeout: 20_000 });
  stream.end();
  await once(stream, 'response');
  expect(budget.totalBytes).toBe(0);
});

it('ends the request that goes past the whole, and no other', async () => {
  const { budget, post } = await open({});
  const first = post();
  first.write(Buffer.alloc(600));
  await vi.waitFor(() => expect(budget.totalBytes).toBe(600), { timeout: 20_000 });
  const second = post();
  second.write(Buffer.alloc(600));
  await closed(second);
  expect(budget.totalBytes).toBe(600);
  first.end();
  const [headers] = await once(first, 'response');
  expect(headers[':status']).toBe(200);
});

it('does not count the whole messages of a stream', async () => {
  const { budget, post } = await open({});
  const stream = post('application/grpc+proto');
  const message = Buffer.alloc(905);
  message.writeUInt32BE(900, 1);
  for (let sent = 0; sent < 20; sent += 1) stream.write(message);
  stream.end();
  await once(stream, 'response');
  expect(budget.totalBytes).toBe(0);
});

it('counts nothing of a caller that left in the middle of a message', async () => {
  const { budget, post } = await open({});
  const stream = post();
  stream.write(Buffer.alloc(400));
  await vi.waitFor(() => expect(budget.totalBytes).toBe(400), { timeout: 20_000 });
  stream.close(constants.NGHTTP2_CANCEL);
  await vi.waitFor(() => expect(budget.totalBytes).toBe(0), { timeout: 20_000 });
});

it('counts nothing of a caller over HTTP/1.1 that left in the middle of a message', async () => {
  const { budget, listener } = await open({});
  const request = httpRequest({ port: listener.port, host: '127.0.0.1', method: 'POST' });
  request.on('error', () => undefined);
  request.write(Buffer.alloc(400));
  await vi.waitFor(() => expect(budget.totalBytes).toBe(400), { timeout: 20_000 });
  request.destroy();
  await vi.waitFor(() => expect(budget.totalBytes).toBe(0), { timeout: 20_000 });
});

it('ends a message whose rest does not come', async () => {
  const { budget, post } = await open({ messageMs: 60 });
  const stream = post();
  stream.write(Buffer.alloc(10));
  await closed(stream);
  expect(budget.totalBytes).toBe(0);
});

it('ends a request with one message that does not begin, or has come and does not end', async () => {
  const { post } = await open({ messageMs: 60 });
  const silent = post();
  const whole = post('application/grpc+proto');
  whole.write(Buffer.alloc(5));
  await Promise.all([closed(silent), closed(whole)]);
});

it('lets a request with many messages rest between them, and not after its answer', async () => {
  const { post } = await open({ messageMs: 60 });
  const [silent, resting] = [post('application/grpc+proto', '/many'), post('application/grpc+proto', '/many')];
  resting.write(Buffer.alloc(5));
  const rejected = post('application/grpc+proto', '/refused');
  rejected.resume();
  await closed(rejected);
  expect([silent.closed, resting.closed]).toEqual([false, false]);
});

it('holds for HTTP/1.1 alike', async () => {
  const { budget, listener } = await open({});
  const request = httpRequest({ port: listener.port, host: '127.0.0.1', method: 'POST' });
  request.on('error', () => undefined);
  request.write(Buffer.alloc(2_000));
  await closed(request);
  expect(budget.totalBytes).toBe(0);
});
