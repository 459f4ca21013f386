import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

export type RequestBody = {
  readonly text: string;
  /** The bytes, where the text is not all of them because they are not UTF-8; null otherwise. */
  readonly base64: string | null;
  readonly sizeBytes: number;
};

export type RequestBodyOptions = {
  readonly maxBytes: number;
  readonly onBody: (body: RequestBody) => void;
  /** The body went over `maxBytes`; what follows of it is thrown away. */
  readonly onTooLarge: () => void;
};

/**
 * Collects the body of a request. Neither callback runs when the caller leaves before the end. Callbacks, not an async
 * iterator: this is on the way of every call that the benchmark makes.
 */
export const readBody = (request: IncomingMessage, { maxBytes, onBody, onTooLarge }: RequestBodyOptions): void => {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  request.on('data', (chunk: Buffer) => {
    const wasTooLarge = sizeBytes > maxBytes;
    sizeBytes += chunk.length;
    if (sizeBytes <= maxBytes) {
      chunks.push(chunk);
    } else if (!wasTooLarge) {
      chunks.length = 0;
      onTooLarge();
    }
  });
  request.on('end', () => {
    if (sizeBytes > maxBytes) return;
    const bytes = Buffer.concat(chunks, sizeBytes);
    onBody({ text: bytes.toString(), base64: isUtf8(bytes) ? null : bytes.toString('base64'), sizeBytes });
  });
};
