import { AsyncLocalStorage } from 'node:async_hooks';
import { type DescMessage, fromJsonString } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { Refusal } from '../refusal.ts';
import { refusalError } from './refusal-error.ts';

/** What the request that is being handled should be. */
const expected = new AsyncLocalStorage<DescMessage>();
// Bytes that are no UTF-8 would else become U+FFFD, and the payload another than was published.
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads JSON requests for Connect. What it says itself of a request that it cannot read quotes the value, which may be
 * payload, and errors end in the callers' logs; so the request is read here first, where the quote can be left out.
 */
export const jsonRequestOptions = {
  ignoreUnknownFields: true,
  textDecoder: {
    decode(bytes?: Uint8Array): string {
      const schema = expected.getStore();
      try {
        const text = utf8.decode(bytes);
        if (schema !== undefined) fromJsonString(schema, text, { ignoreUnknownFields: true });
        return text;
      } catch (error) {
        throw refusalError(new Refusal('REQUEST_INVALID', `${withoutValue(error)}; mend the JSON of the request`));
      }
    },
  },
};

/** Tells the JSON reader which message each of the router's rpcs takes. */
export function expectRequests({ handlers }: ConnectRouter): void {
  handlers.forEach((handler, index) => {
    const handle: typeof handler = Object.assign(
      (request: Parameters<typeof handler>[0]) => expected.run(handler.method.input, () => handler(request)),
      { ...handler },
    );
    handlers[index] = handle;
  });
}

/** "cannot decode field hms.sync.v1.SyncEvent.type from JSON: 7", without the 7. */
function withoutValue(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  return /^cannot decode [\w .]* from JSON/.exec(message)?.[0] ?? 'the request is not JSON in UTF-8';
}
