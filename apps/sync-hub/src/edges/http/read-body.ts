import type { IncomingMessage } from 'node:http';
import { RequestError } from '../request-error.ts';

/** The client went away before its request was complete: nobody is left to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

export interface ReadBodyBounds {
  readonly sizeBytesMax: number;
  readonly withinMs: number;
}

/**
 * Reads a request's body to its end, over HTTP/1.1 and HTTP/2 alike, into memory of its own: it goes on to other threads,
 * where a Buffer would drag its whole pool along. When it rejects, the rest is left to the caller.
 *
 * @throws {RequestError} REQUEST_TOO_LARGE, before anything is read when the client says how much comes; REQUEST_TOO_SLOW
 * @throws {ClientGone}
 */
export async function readBody(request: IncomingMessage, bounds: ReadBodyBounds): Promise<Uint8Array> {
  const { sizeBytesMax, withinMs } = bounds;
  if (Number(request.headers['content-length'] ?? 0) > sizeBytesMax) throw tooLarge(sizeBytesMax);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const onData = (chunk: Buffer) => {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > sizeBytesMax) reject(tooLarge(sizeBytesMax));
    else chunks.push(chunk);
  };
  const onEnd = () => resolve(new Uint8Array(Buffer.concat(chunks)));
  const onGone = () => reject(new ClientGone('the client went away while it sent its request'));
  // Over HTTP/2 a body that the client broke off ends like a complete one, but is aborted before.
  request.on('data', onData).on('end', onEnd).on('aborted', onGone).on('error', onGone).on('close', onGone);
  const timer = setTimeout(() => reject(tooSlow(withinMs)), withinMs);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    // The listener for errors stays: without one, an error would end the process.
    request.off('data', onData).off('end', onEnd).off('aborted', onGone).off('close', onGone);
  }
}

function tooLarge(sizeBytesMax: number): RequestError {
  return new RequestError(
    'REQUEST_TOO_LARGE',
    `the body is larger than ${sizeBytesMax} bytes; publish a reference to the data instead`,
  );
}

function tooSlow(withinMs: number): RequestError {
  return new RequestError(
    'REQUEST_TOO_SLOW',
    `the body did not arrive within ${withinMs / 1_000} s; send it again in one go`,
  );
}
