import type { IncomingMessage } from 'node:http';

export type RequestBody = { readonly text: string; readonly sizeBytes: number };

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
    if (sizeBytes <= maxBytes) onBody({ text: Buffer.concat(chunks, sizeBytes).toString('utf8'), sizeBytes });
  });
};
