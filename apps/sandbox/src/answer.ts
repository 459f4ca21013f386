import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** A whole answer, ready to be sent. */
export type Answer = { readonly status: number; readonly headers: OutgoingHttpHeaders; readonly body: string };

export const jsonAnswer = (status: number, value: unknown, headers: OutgoingHttpHeaders = {}): Answer =>
  jsonTextAnswer(status, JSON.stringify(value), headers);

/** An answer whose JSON is written already. */
export const jsonTextAnswer = (status: number, body: string, headers: OutgoingHttpHeaders = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
  body,
});

/** To HEAD, node sends the headers of this and leaves the body out. */
export const sendAnswer = (response: ServerResponse, { status, headers, body }: Answer): void => {
  response.writeHead(status, headers).end(body);
};

/** Enough pieces for a reader to notice that the body comes slowly. */
const pieces = 10;

/**
 * Sends the headers now and the body in `pieces` parts, the last of them after `overMs`. Stops when the connection does.
 */
export const trickleAnswer = (response: ServerResponse, { status, headers, body }: Answer, overMs: number): void => {
  const bytes = Buffer.from(body);
  response.writeHead(status, headers);
  response.flushHeaders();
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    const piece = bytes.subarray(
      Math.floor(((sent - 1) * bytes.length) / pieces),
      Math.floor((sent * bytes.length) / pieces),
    );
    if (sent < pieces) {
      response.write(piece);
    } else {
      clearInterval(timer);
      response.end(piece);
    }
  }, overMs / pieces);
  response.once('close', () => clearInterval(timer));
};
