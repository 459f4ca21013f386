import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chaos } from './chaos.ts';
import type { Answer } from './dev-adapter.ts';

/** How a stand-in behaves, and who hears of it. */
export interface StandInOptions {
  /** What a write is answered when all is well. */
  readonly answer: Answer;
  readonly chaos: Chaos;
  /** A number from 0 to below 1, drawn for each write. */
  readonly random: () => number;
  /** Told of each write when it is answered. */
  readonly onWrite: (write: Write) => void;
}

/** A write that was answered. */
export interface Write {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** True: it was not the answer of a system that is well. */
  readonly chaos: boolean;
}

/** A stand-in that serves. */
export interface StandIn {
  /** Its base URL, on loopback, without a slash at its end. */
  readonly url: string;
  /** Cuts every connection. */
  close(): Promise<void>;
}

const tokenAnswer: Answer = {
  status: 200,
  body: { access_token: 'stand-in-token', token_type: 'Bearer', expires_in: 300 },
};

/** Stands in for an external system that nobody has at hand: takes every write at any path, and gives out OAuth tokens. */
export async function startStandIn({ answer, chaos, random, onWrite }: StandInOptions): Promise<StandIn> {
  const server = createServer(async (request, response) => {
    const body = await wholeBody(request);
    // Broken off half-way: nobody waits for an answer.
    if (body === undefined) return;
    const { method = '', url: path = '' } = request;
    const reply = ({ status, headers, body }: Answer) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
    };
    if (isRead(method)) return reply({ status: 200, body: { status: 'ok' } });
    if (isTokenRequest(request, body)) return reply(tokenAnswer);
    const fails = random() < chaos.failShare;
    if (chaos.latencyMs > 0) await sleep(chaos.latencyMs, undefined, { ref: false });
    if (response.closed) return;
    const given = fails ? { status: 503, body: { status: 'error', message: 'chaos' } } : answer;
    reply(given);
    onWrite({ method, path, status: given.status, chaos: fails });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

function isTokenRequest({ headers }: IncomingMessage, body: string): boolean {
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  return isForm && new URLSearchParams(body).get('grant_type') === 'client_credentials';
}

async function wholeBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString();
}
