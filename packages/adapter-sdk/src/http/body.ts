import type { IncomingHttpHeaders } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  constants as zlib,
} from 'node:zlib';

/** More of an answer is of no use to a receipt of 1 KiB or to an author who looks at an error. */
const KEPT_MAX_BYTES = 64 * 1024;
/** Reading a little too much is cheaper than a new connection; past this the connection is closed instead. */
const READ_MAX_BYTES = 1024 * 1024;

/**
 * The first 64 KiB of a body. Rejects with the stream's error when it breaks before its end; how long it may take is
 * for the request's signal to say.
 */
export function readBounded(body: Readable): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let keptBytes = 0;
    let readBytes = 0;
    const finish = () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    body.on('data', (chunk: Buffer) => {
      readBytes += chunk.byteLength;
      const kept = chunk.subarray(0, KEPT_MAX_BYTES - keptBytes);
      if (kept.byteLength > 0) chunks.push(kept);
      keptBytes += kept.byteLength;
      if (readBytes <= READ_MAX_BYTES) return;
      finish();
      body.destroy();
    });
    body.on('end', finish);
    // Stays after the end: destroying the stream above emits an error that nobody waits for any more.
    body.on('error', reject);
  });
}

/** Codings on top of one another; nobody has a use for more, and each costs. */
const CODINGS_MAX = 3;

/** A body that was cut off at its bound ends in the middle of a coding; what came before it is worth having. */
const FLUSH = { finishFlush: zlib.Z_SYNC_FLUSH };

/** What undoes a coding, by its name in RFC 9110, 8.4.1, and those that came later. */
const decoders: Readonly<Record<string, (coded: Uint8Array) => Transform>> = {
  gzip: () => createGunzip(FLUSH),
  'x-gzip': () => createGunzip(FLUSH),
  // Meant is zlib's format, which begins with an 8 in its low bits; some send what is inside alone.
  deflate: ([first = 0]) => ((first & 0x0f) === 8 ? createInflate(FLUSH) : createInflateRaw(FLUSH)),
  br: () => createBrotliDecompress({ finishFlush: zlib.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ finishFlush: zlib.ZSTD_e_flush }),
};

/** The part of an answer that a coding is about. */
export interface Coded {
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/**
 * The same without its content coding, at most 64 KiB of it, however much is folded into it. A coding that is unknown, or
 * bytes that are not of it, leave all as it came, the header included: whether a system took an event is in the status.
 */
export async function decoded(coded: Coded): Promise<Coded> {
  const { 'content-encoding': codings = '', 'content-length': _size, ...headers } = coded.headers;
  const names = codings
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const used = names.filter((name) => name !== '' && name !== 'identity').reverse();
  if (used.length === 0 || used.length > CODINGS_MAX || coded.body.byteLength === 0) return coded;
  let body = coded.body;
  for (const name of used) {
    const decoder = Object.hasOwn(decoders, name) ? decoders[name] : undefined;
    const plain = decoder && (await undone(decoder(body), body));
    if (plain === undefined) return coded;
    body = plain;
  }
  return { headers, body };
}

/** Undefined when the bytes are not of the coding. */
function undone(decoder: Transform, coded: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = () => {
      decoder.destroy();
      resolve(Buffer.concat(chunks).subarray(0, KEPT_MAX_BYTES));
    };
    decoder.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes >= KEPT_MAX_BYTES) finish();
    });
    decoder.on('end', finish);
    // What was plain before the bytes went wrong is no answer of anybody.
    decoder.on('error', () => resolve(undefined));
    decoder.end(coded);
  });
}
