import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startStack } from './stack.ts';
import { createSyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';
import { expectUnharmed } from './unharmed.ts';

/** As most systems have it. */
const OPEN_FILES_MAX = 1_024;
const CONNECTIONS = 1_100;

/** Connects, and says whether the hub kept it open. */
async function dial(address: { host: string; port: number }): Promise<Socket> {
  const socket = connect(address);
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  return socket;
}

test('connections beyond the limit of open files are rejected, and the hub continues', async () => {
  // So many from one address that the limit on files would be what stops them.
  const limits = { connections: 4_096, connectionsPerAddress: 4_096 };
  const stack = await startStack({ hub: { limits }, openFilesMax: OPEN_FILES_MAX });
  onTestFinished(() => stack.close());
  const { host, port } = stack.hub;
  const client = createSyncClient(grpcJs.create(stack.hub.address));
  onTestFinished(() => client.close());
  const received = client.watchHealth();
  await received.next();
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => dial({ host, port })));
  const open = () => sockets.filter((socket) => !socket.closed).length;
  // Nothing changes, so 10 s pass, in which the hub looked at its memory, adapters and journal with all of them open.
  await received.next();
  expect(stack.hub.isRunning).toBe(true);
  // Some files are left for the journal and for adapters.
  expect(open()).toBeLessThanOrEqual(OPEN_FILES_MAX - 256);
  for (const socket of sockets) socket.destroy();
  await expectUnharmed(stack);
});

test('one address cannot use all connections: another one is served', async () => {
  const stack = await startStack();
  onTestFinished(() => stack.close());
  const { host, port } = stack.hub;
  const client = createSyncClient(grpcJs.create(stack.hub.address));
  onTestFinished(() => client.close());
  await client.getHealth();
  const sockets = await Promise.all(Array.from({ length: 200 }, () => dial({ host, port })));
  await Promise.all(sockets.slice(-72).map((socket) => socket.closed || once(socket, 'close')));
  expect(sockets.filter((socket) => !socket.closed).length).toBe(127);
  // Whoever has one keeps it.
  expect((await client.getHealth()).hub?.accepting).toBe(true);
});
