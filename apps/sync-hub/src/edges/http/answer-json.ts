import type { IncomingMessage, ServerResponse } from 'node:http';
import { visibleJson } from '@hms-sync/proto/visible-text';

/** An answer on a plain HTTP path. */
export interface JsonAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** How long a client that is still sending gets to notice the answer. */
const LINGER_MS = 1_000;

/**
 * Answers, over HTTP/1.1 and HTTP/2 alike. A body that was not read to its end is thrown away as it comes, for a
 * moment: a connection that is closed at once on a client that still sends resets, and the answer is lost with it.
 */
export function answerJson(request: IncomingMessage, response: ServerResponse, answer: JsonAnswer): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(`${visibleJson(JSON.stringify(answer.body))}\n`);
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.setHeader('content-type', 'application/json');
  response.setHeader('content-length', bytes.byteLength);
  response.statusCode = answer.status;
  if (request.readableEnded) {
    response.end(bytes);
    return;
  }
  const isHttp1 = request.httpVersionMajor === 1;
  if (isHttp1) {
    // The answer is complete with its last byte, the connection stays up until the body ends.
    response.setHeader('connection', 'close');
    response.write(bytes);
    request.once('end', () => response.end());
  } else {
    response.end(bytes);
  }
  const timer = setTimeout(() => response.destroy(), LINGER_MS);
  response.once('close', () => clearTimeout(timer));
  request.resume();
}
