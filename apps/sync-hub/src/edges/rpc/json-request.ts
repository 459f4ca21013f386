import { AsyncLocalStorage } from 'node:async_hooks';
import { type DescMessage, fromJsonString } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { JsonError, readJsonAsDoubles, readUtf8 } from '@hms-sync/proto/json';
import { visibleJson } from '@hms-sync/proto/visible-text';
import { Refusal } from '../refusal.ts';
import { REQUEST_NESTING_MAX, unreadable, VALUES_MAX } from '../unreadable-request.ts';
import { refusalError } from './refusal-error.ts';

/** What the request that is being handled should be. */
const expected = new AsyncLocalStorage<DescMessage>();
/** A level of JSON is two of protobuf's messages, within those of the request. */
const RECURSION_MAX = 2 * REQUEST_NESTING_MAX + 8;

/** How protobuf in binary is read, once it was looked at. */
export const binaryRequestOptions = { recursionLimit: RECURSION_MAX };

const utf8 = new TextEncoder();
const readOptions = { ignoreUnknownFields: true, recursionLimit: RECURSION_MAX };

/**
 * Reads JSON requests for Connect. They are bounded before anything is made of them, and a number that would become
 * another as a double is refused: google.protobuf.Struct knows nothing else. What Connect says itself of a request that
 * it cannot read quotes the value, which may be payload, and errors end in the callers' logs; so the request is read
 * here first, where the quote can be left out.
 */
export const jsonRequestOptions = {
  ...readOptions,
  /** Of answers, which curl shows on a terminal. */
  textEncoder: { encode: (json: string) => utf8.encode(visibleJson(json)) },
  textDecoder: {
    decode(bytes: Uint8Array = new Uint8Array(0)): string {
      const schema = expected.getStore();
      try {
        const text = readUtf8(bytes);
        readJsonAsDoubles(text, { valuesMax: VALUES_MAX, nestingMax: REQUEST_NESTING_MAX });
        if (schema !== undefined) fromJsonString(schema, text, readOptions);
        return text;
      } catch (error) {
        throw refusalError(
          error instanceof JsonError
            ? unreadable(error)
            : new Refusal('REQUEST_INVALID', `${withoutValue(error)}; fix the JSON of the request`),
        );
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
  return /^cannot decode [\w .]* from JSON/.exec(message)?.[0] ?? 'the request is not JSON of this kind';
}
