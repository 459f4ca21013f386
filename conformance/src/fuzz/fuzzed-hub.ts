import { afterAll, beforeAll } from 'vitest';
import { type Stack, startStack } from '../stack.ts';
import { createSyncClient, type SyncClient } from '../sync-client.ts';
import { grpcJs } from '../transports/grpc-js.ts';
import { expectUnharmed } from '../unharmed.ts';
import { TIMEOUT_MS } from './runs.ts';

/** The hub that the tests of one file send nonsense to, and a client that asks it for what it kept. */
export interface FuzzedHub {
  readonly address: string;
  readonly client: SyncClient;
}

/** A hub for all tests of the file that calls this. After the last of them it has to be unharmed. */
export function useFuzzedHub(): FuzzedHub {
  let stack: Stack;
  let client: SyncClient;
  beforeAll(async () => {
    stack = await startStack();
    client = createSyncClient(grpcJs.create(stack.hub.address));
  });
  afterAll(async () => {
    client?.close();
    if (stack !== undefined) await expectUnharmed(stack);
    await stack?.close();
  }, TIMEOUT_MS);
  return {
    get address() {
      return stack.hub.address;
    },
    get client() {
      return client;
    },
  };
}
