import type { Readable } from 'node:stream';

/** More of an answer is of no use to a receipt of 1 KiB or to an author who looks at an error. */
export const KEPT_MAX_BYTES = 64 * 1024;
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
