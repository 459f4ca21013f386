import type { IncomingHttpHeaders } from 'node:http';
import type { Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  constants as zlib,
} from 'node:zlib';
import { KEPT_MAX_BYTES } from './body.ts';

/** Codings on top of one another; nobody has a use for more, and each costs. */
const CODINGS_MAX = 3;

/** A body that was cut off at its bound ends in the middle of a coding; what came before it is worth having. */
const flush = { finishFlush: zlib.Z_SYNC_FLUSH };

/** What undoes a coding, by its name in RFC 9110, 8.4.1, and those that came later. */
const decoders: Readonly<Record<string, (coded: Uint8Array) => Transform>> = {
  gzip: () => createGunzip(flush),
  'x-gzip': () => createGunzip(flush),
  // Meant is zlib's format, which begins with an 8 in its low bits; some send what is inside alone.
  deflate: ([first = 0]) => ((first & 0x0f) === 8 ? createInflate(flush) : createInflateRaw(flush)),
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
