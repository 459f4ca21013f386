import { afterAll, beforeAll } from 'vitest';
import type { Stack } from './stack.ts';
import { createSyncClient, type SyncClient } from './sync-client.ts';
import type { TransportKind } from './transports/transport.ts';

/** Where a case plays: one hub, called in one way. */
export interface Scene {
  readonly kind: TransportKind;
  readonly stack: Stack;
  readonly client: SyncClient;
}

/** Opens a client for the tests of the surrounding describe, and closes it after them. */
export function openScene(kind: TransportKind, stack: () => Stack): Scene {
  let client: SyncClient;
  beforeAll(() => {
    client = createSyncClient(kind.create(stack().hub.address));
  });
  afterAll(() => client.close());
  return {
    kind,
    get stack() {
      return stack();
    },
    get client() {
      return client;
    },
  };
}
