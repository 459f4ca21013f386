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

/** More than enough for a receipt of 1 KiB, or to look at an error. */
const KEPT_MAX_BYTES = 64 * 1024;
/** Reading the rest of a body is cheaper than a new connection; beyond this the connection is closed. */
const READ_MAX_BYTES = 1024 * 1024;

/**
 * The first 64 KiB of a body. Rejects with the stream's error when it breaks before its end. It has no time limit; the
 * request's signal has.
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
    // Not removed after the end: destroying the stream above emits an error.
    body.on('error', reject);
  });
}

/** The most nested codings that are decoded. */
const CODINGS_MAX = 3;

/** Decodes as much as possible of a body that was cut at its bound. */
const FLUSH = { finishFlush: zlib.Z_SYNC_FLUSH };

/** The decoders, by the names in RFC 9110, 8.4.1, and its successors. */
const decoders: Readonly<Record<string, (coded: Uint8Array) => Transform>> = {
  gzip: () => createGunzip(FLUSH),
  'x-gzip': () => createGunzip(FLUSH),
  // The zlib format, whose first byte has 8 in its low bits; some systems send raw deflate instead.
  deflate: ([first = 0]) => ((first & 0x0f) === 8 ? createInflate(FLUSH) : createInflateRaw(FLUSH)),
  br: () => createBrotliDecompress({ finishFlush: zlib.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ finishFlush: zlib.ZSTD_e_flush }),
};

/** A body and its headers. */
export interface Coded {
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/**
 * Decodes the body, to at most 64 KiB, and removes the header. With an unknown coding or invalid bytes, it returns both
 * unchanged: the status decides the outcome.
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

/** Undefined when the bytes are invalid. */
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
    // The part before the invalid bytes is not used.
    decoder.on('error', () => resolve(undefined));
    decoder.end(coded);
  });
}
