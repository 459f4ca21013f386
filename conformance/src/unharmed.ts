import { expect } from 'vitest';
import { DELIVERED_EVERYWHERE, outline } from './acks.ts';
import { PAYLOAD_MARKER } from './marker.ts';
import { type Stack, TOKEN } from './stack.ts';
import { createSyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

/**
 * Fails unless the hub continues as before: the same process accepts and delivers, has found no fault of its own, and has
 * wrote no payload or secret to its log.
 */
export async function expectUnharmed({ hub }: Stack): Promise<void> {
  expect(hub.isRunning).toBe(true);
  const client = createSyncClient(grpcJs.create(hub.address));
  const { settled, acks } = await client.publishAndWait({ type: 'ProcessUpdated' });
  expect(settled).toBe(true);
  expect(outline(acks)).toEqual(DELIVERED_EVERYWHERE);
  expect((await client.getHealth()).hub?.accepting).toBe(true);
  client.close();
  expect(hub.log).not.toContain('a fault of the hub');
  expect(hub.log).not.toContain(PAYLOAD_MARKER);
  expect(hub.log).not.toContain(TOKEN);
}
