import { randomUUID } from 'node:crypto';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import { expect } from 'vitest';
import { DELIVERED_EVERYWHERE, outline } from './acks.ts';
import { type Stack, TOKEN } from './stack.ts';
import { createSyncClient, first, present } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

/** Part of payloads, in place of a patient's name. It must never be seen in a log or an error of the hub. */
export const PAYLOAD_MARKER = 'ZZPHI';

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

/**
 * Looks at a hub before something is done to it.
 *
 * @returns what to call afterwards: it fails unless the hub is unharmed and goes on as if nothing had been. Whatever had been
 * written would be delivered, and so be seen in the acks and at the stand-ins.
 */
export async function expectUntouched(stack: Stack): Promise<() => Promise<void>> {
  const { hub, sandbox } = stack;
  const client = createSyncClient(grpcJs.create(hub.address));
  const { cursor } = await first(client.watchAcks({}));
  const calls = sandbox.countCalls().count;
  return async () => {
    const { adapters } = await client.getHealth();
    expect(adapters.map(({ waiting, deadLetters }) => [waiting, deadLetters])).toEqual(adapters.map(() => [0n, 0n]));

    const id = randomUUID();
    const { settled } = await client.publishAndWait({ id, type: 'ProcessUpdated' });
    expect(settled).toBe(true);
    const acks: Ack[] = [];
    for await (const message of client.watchAcks({ cursor })) {
      acks.push(...message.acks);
      if (acks.length >= adapters.length) break;
    }
    expect(acks.map(({ eventId }) => eventId)).toEqual(adapters.map(() => id));
    expect(sandbox.countCalls().count).toBe(calls + adapters.length);
    expect(present(acks[0]).cursor).not.toBe(cursor);
    client.close();
    await expectUnharmed(stack);
  };
}
