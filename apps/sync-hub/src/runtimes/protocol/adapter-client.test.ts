import { once } from 'node:events';
import { promisify } from 'node:util';
import {
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { ConfigSecrets } from '../config-secrets.ts';
import { SECRET } from '../suite/lab-adapter.fixture.ts';
import { AdapterClient } from './adapter-client.ts';
import { handshake } from './handshake.ts';

const hub = { version: '0.0.0', protocols: [1] };
const asIs = (bytes: Buffer) => bytes;
const method = (name: string, isStream: boolean) => ({
  ...{ path: `/hms.adapter.v1.AdapterService/${name}`, requestStream: isStream, responseStream: isStream },
  ...{ requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs },
});

/** A client of an adapter that answers with these bytes, or with this error. */
async function clientOf(answer: Buffer | { readonly code: status; readonly details: string }): Promise<AdapterClient> {
  const server = new Server();
  const definition: ServiceDefinition = { Describe: method('Describe', false), Deliver: method('Deliver', true) };
  server.addService(definition, {
    Describe: (_call: unknown, answered: sendUnaryData<Buffer>) => {
      if ('code' in answer) answered(answer);
      else answered(null, answer);
    },
    Deliver: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('error', () => undefined);
      if (!('code' in answer)) call.write(answer);
    },
  });
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());
  const client = new AdapterClient({ target: `127.0.0.1:${port}`, credentials: credentials.createInsecure() });
  onTestFinished(() => {
    client.close();
    server.forceShutdown();
  });
  return client;
}

it('takes no heap of empty members for an answer, neither to a call nor on a stream', async () => {
  // Field 1, empty, two million times.
  const client = await clientOf(Buffer.alloc(4_000_000, Buffer.of(0x0a, 0)));
  await expect(client.describe(1, hub, 5_000)).rejects.toThrow('holds more than 65536 fields');
  const [error] = await once(client.deliver().resume(), 'error');
  expect(error).toMatchObject({ code: status.INTERNAL });
});

it('that quotes what adapter code threw has the secrets of the configuration taken out of it', async () => {
  const details = `Exception calling application: no such token ${SECRET}`;
  const client = await clientOf({ code: status.UNKNOWN, details });
  const config = { token: SECRET };
  const options = { client, config, secrets: new ConfigSecrets(config), name: 'lab', describeTimeoutMs: 5_000 };
  expect(await handshake({ ...options, hubVersion: '0.0.0', protocols: [1] })).toMatchObject({
    kind: 'failed',
    reason: 'lab did not finish starting: Exception calling application: no such token [redacted]',
  });
});
