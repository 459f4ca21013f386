import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { grpcServiceDefinition } from '@hms-sync/proto/grpc';
import { AdapterService, ConfigureRequestSchema } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { expect, it, onTestFinished } from 'vitest';
import { adapterFolder } from '../../test/adapter-folder.ts';

const program = fileURLToPath(new URL('process.ts', import.meta.url));
const SECRET = 'a'.repeat(43);
const module = `import { defineAdapter } from '@hms-sync/adapter-sdk';
export default defineAdapter({ push: () => 'delivered' });`;

/** The program as a hub starts it; the test is its hub, and whoever else there is. */
async function launch() {
  const folder = await adapterFolder({ 'adapter.js': module });
  const socket = join(folder, 's');
  const args = ['--entry', join(folder, 'adapter.js'), '--socket', socket, '--id', 'lab', '--version', '1.0.0'];
  const child = spawn(process.execPath, ['--conditions=@hms-sync/source', program, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'],
    detached: true,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [, , , records, lifeline] = child.stdio as unknown as Socket[];
  lifeline?.write(SECRET);
  await once(records as Socket, 'data');
  return { socket, child };
}

/** The code with which Configure ends for a caller that shows this. */
function configure(socket: string, shown: string | undefined): Promise<status> {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(() => client.close());
  const metadata = new Metadata();
  if (shown !== undefined) metadata.set('authorization', `Bearer ${shown}`);
  const method = grpcServiceDefinition(AdapterService).Configure;
  if (method === undefined) throw new Error('there is no Configure');
  const { path, requestSerialize, responseDeserialize } = method;
  const request = create(ConfigureRequestSchema, { configJson: 'null' });
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + 5_000 };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, options, (error) =>
      resolve(error?.code ?? status.OK),
    );
  });
}

it('rejects an earlier connection without the secret of the launch', async () => {
  const { socket } = await launch();
  expect(await configure(socket, undefined)).toBe(status.UNAUTHENTICATED);
  expect(await configure(socket, 'b'.repeat(43))).toBe(status.UNAUTHENTICATED);
  expect(await configure(socket, SECRET)).toBe(status.OK);
});

it("takes no connection beside its hub's, whatever is shown on it", async () => {
  const { socket } = await launch();
  const before = connect(socket);
  await once(before, 'connect');
  expect(await configure(socket, SECRET)).toBe(status.OK);
  before.resume();
  await once(before, 'close');
  expect(existsSync(socket)).toBe(false);
  expect(await configure(socket, SECRET)).toBe(status.UNAVAILABLE);
});
