import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants } from 'node:http2';
import { type HttpHandler, streamOf } from './messages.ts';
import { headerBytesOf, type OpenRequests } from './open-requests.ts';
import { type OwnNames, pathOfTarget } from './own-names.ts';
import type { ResponseBudget } from './response-budget.ts';

export interface DoorOptions {
  readonly names: () => OwnNames;
  readonly requests: OpenRequests;
  readonly responses: ResponseBudget;
  /** A request is over. */
  readonly onLeft: () => void;
}

/** A request that is at its end before any handler has seen it. */
interface TurnedAway {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/**
 * What each request of either HTTP version passes before a handler sees it: it is counted, its headers are measured, and
 * it must be for this hub and by no other site. In one place, for every path there is.
 */
export function createDoor({ names, requests, responses, onLeft }: DoorOptions, handler: HttpHandler): HttpHandler {
  return (request, response) => {
    const stream = streamOf(request);
    const connection = stream?.session ?? request.socket;
    // No client waits for this many answers on one connection, and none of them could be sent before the first.
    if (stream === undefined && requests.isPipeFull(connection)) return void connection.destroy();
    const headerBytes = headerBytesOf(request.rawHeaders);
    const left = requests.open(connection, headerBytes);
    if (left === undefined) {
      if (requests.turnedAway(connection)) connection.destroy();
      else rejectForNow(request, response);
      return;
    }
    // Of a stream its own: the response over HTTP/2 says nothing when its answer was never taken.
    (stream ?? response).once('close', () => {
      left();
      onLeft();
    });
    const turnedAway = requests.isTooLarge(headerBytes) ? TOO_LARGE : (unwelcome(names(), request) ?? unmeant(request));
    if (turnedAway !== undefined) {
      if (turnedAway === TOO_LARGE && requests.turnedAway(connection)) connection.destroy();
      else turnAway(request, response, turnedAway);
      return;
    }
    request.url = pathOfTarget(request.url ?? '');
    responses.watch(response);
    try {
      handler(request, response);
    } catch {
      // Such as a path from which no URL can be built.
      if (response.headersSent) return void response.destroy();
      turnAway(request, response, UNREADABLE);
    }
  };
}

const CODES: Readonly<Record<number, string>> = {
  400: 'invalid_argument',
  403: 'permission_denied',
  421: 'unavailable',
};

function unwelcome(names: OwnNames, request: IncomingMessage): TurnedAway | undefined {
  const found = names.judge(request);
  return found && { ...found, code: CODES[found.status] ?? 'invalid_argument' };
}

/** What Node would answer by itself, before anything counts the request. */
function unmeant({ method, headers }: IncomingMessage): TurnedAway | undefined {
  if (method === 'CONNECT') return NO_TUNNEL;
  const { expect } = headers;
  return expect === undefined || CONTINUE.test(expect) ? undefined : UNMET;
}

/** As Node takes it over HTTP/1.1. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

const NO_TUNNEL: TurnedAway = {
  status: 405,
  code: 'unimplemented',
  message: 'the hub opens no tunnel; call it without CONNECT',
};

const UNMET: TurnedAway = {
  status: 417,
  code: 'invalid_argument',
  message: 'the hub knows no other Expect than 100-continue; leave it out',
};

const TOO_LARGE: TurnedAway = {
  status: 431,
  code: 'resource_exhausted',
  message: 'the headers of a request may have 16 KiB in all; send less, such as fewer cookies or less metadata',
};

const UNREADABLE: TurnedAway = {
  status: 400,
  code: 'invalid_argument',
  message: 'the request cannot be read: its path is not a path',
};

const TOO_MANY: TurnedAway = {
  status: 503,
  code: 'unavailable',
  message: 'as many requests are open as the hub takes; try again in a moment',
};

/** In the words of HTTP/2 nothing of it was done, and any client may send it again. */
function rejectForNow(request: IncomingMessage, response: ServerResponse): void {
  const stream = streamOf(request);
  if (stream !== undefined) {
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
    return;
  }
  response.setHeader('retry-after', '1');
  turnAway(request, response, TOO_MANY);
}

/** How long a client may take to read why it was turned away. */
const TAKEN_WITHIN_MS = 1_000;

/** Answers without a look at the body, of which no more is taken. */
function turnAway(request: IncomingMessage, response: ServerResponse, { status, code, message }: TurnedAway): void {
  const stream = streamOf(request);
  const body = JSON.stringify({ code, message });
  if (stream === undefined) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body, () => stream?.close());
  if (stream === undefined) return;
  // Of a client whose window stays shut; the stream would keep its place.
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM), TAKEN_WITHIN_MS);
  stream.once('close', () => clearTimeout(timer));
}
