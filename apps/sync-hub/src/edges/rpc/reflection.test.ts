import { execFile } from 'node:child_process';
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, createClient, type Transport } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from '@hms-sync/proto/grpc/reflection/v1/reflection';
import { ServerReflection as ServerReflectionV1Alpha } from '@hms-sync/proto/grpc/reflection/v1alpha/reflection';
import { Health } from '@hms-sync/proto/health/v1/health';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerReflection } from './reflection.ts';

const services = [SyncService, HealthService, Health, AdminService, ServerReflection, ServerReflectionV1Alpha];
const serviceNames = services.map(({ typeName }) => typeName).sort();

let server: Http2Server;
let address: string;
let transport: Transport;

beforeAll(async () => {
  const handler = connectNodeAdapter({
    routes(router) {
      router.service(SyncService, {});
      router.service(HealthService, { getHealth: () => ({ health: { hub: { version: '1.2.3' } } }) });
      router.service(Health, {});
      router.service(AdminService, {});
      registerReflection(router);
    },
  });
  server = createServer(handler);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  transport = createGrpcTransport({ baseUrl: address, idleConnectionTimeoutMs: 100 });
});

afterAll(async () => {
  await new Promise((done) => server.close(done));
});

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest']>;

/** Asks everything in one stream. */
async function ask(...questions: Question[]): Promise<ServerReflectionResponse[]> {
  async function* requests() {
    for (const messageRequest of questions) yield { host: 'hub.example', messageRequest };
  }
  return await all(createClient(ServerReflection, transport).serverReflectionInfo(requests()));
}

async function all<Message>(messages: AsyncIterable<Message>): Promise<Message[]> {
  const read: Message[] = [];
  for await (const message of messages) read.push(message);
  return read;
}

/** The asked file with its imports; throws when one that they need was not sent, or not after them. */
function filesOf({ messageResponse }: ServerReflectionResponse): { name: string; registry: FileRegistry } {
  if (messageResponse.case !== 'fileDescriptorResponse') throw new Error(`not files but ${messageResponse.case}`);
  const files = messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files.toReversed() }));
  return { name: files[0]?.name ?? '', registry };
}

/** The names of all that a file declares except map entries, as the protobuf runtime lists them, not by the code under test. */
function symbolsOf(file: DescFile): string[] {
  return [
    ...file.messages.flatMap(symbolsOfMessage),
    ...file.enums.flatMap((each) => [each.typeName, ...each.values.map(({ name }) => `${file.proto.package}.${name}`)]),
    ...file.services.flatMap((each) => [each.typeName, ...each.methods.map(({ name }) => `${each.typeName}.${name}`)]),
  ];
}

function symbolsOfMessage(message: DescMessage): string[] {
  const inner = (name: string) => `${message.typeName}.${name}`;
  return [
    message.typeName,
    ...[...message.fields, ...message.oneofs].map(({ name }) => inner(name)),
    ...message.nestedMessages.flatMap(symbolsOfMessage),
    ...message.nestedEnums.flatMap((each) => [each.typeName, ...each.values.map(({ name }) => inner(name))]),
  ];
}

const run = promisify(execFile);
const buf = fileURLToPath(import.meta.resolve('@bufbuild/buf/bin/buf'));

async function bufCurl(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [buf, 'curl', '--http2-prior-knowledge', ...args]);
  return stdout;
}

describe('reflection', () => {
  it('lists every service of the hub and itself in both versions', async () => {
    const [answer] = await ask({ case: 'listServices', value: '' });
    expect(answer).toMatchObject({
      validHost: 'hub.example',
      originalRequest: { host: 'hub.example', messageRequest: { case: 'listServices' } },
      messageResponse: { case: 'listServicesResponse', value: { service: serviceNames.map((name) => ({ name })) } },
    });
  });

  it('answers the same in v1alpha', async () => {
    const questions = [
      { case: 'listServices', value: '' },
      { case: 'fileContainingSymbol', value: 'hms.sync.v1.Ack' },
      { case: 'fileByFilename', value: 'no/such.proto' },
    ] as const;
    async function* requests() {
      for (const messageRequest of questions) yield { messageRequest };
    }
    const alpha = await all(createClient(ServerReflectionV1Alpha, transport).serverReflectionInfo(requests()));
    const plain = (messages: readonly { messageResponse: unknown }[]) =>
      messages.map(({ messageResponse }) => JSON.parse(JSON.stringify(messageResponse).replaceAll('v1alpha.', 'v1.')));
    expect(plain(alpha)).toEqual(plain(await ask(...questions)));
  });

  it('finds the file of every symbol of the contracts, whatever kind it is', async () => {
    const contracts = [SyncService, HealthService, AdminService, Health].map(({ file }) => file);
    const files = [...new Set([...contracts, ...contracts.flatMap(({ dependencies }) => dependencies)])];
    const mapEntry = { symbol: 'hms.sync.v1.SyncEvent.AttributesEntry.key', file: 'hms/sync/v1/event.proto' };
    const declared = files.flatMap((file) => symbolsOf(file).map((symbol) => ({ symbol, file: file.proto.name })));
    const symbols = [...declared, mapEntry];
    expect(symbols.map(({ symbol }) => symbol)).toEqual(
      expect.arrayContaining([
        'hms.sync.v1.SyncService.Publish',
        'hms.sync.v1.SyncEvent.payload',
        'hms.sync.v1.HELD_BY_BREAKER',
        'grpc.health.v1.HealthCheckResponse.ServingStatus',
        'grpc.health.v1.HealthCheckResponse.SERVING',
        'google.protobuf.Timestamp.nanos',
      ]),
    );
    const answers = await ask(
      ...symbols.map(({ symbol: value }) => ({ case: 'fileContainingSymbol', value }) as const),
    );
    expect(answers.map((answer, index) => ({ symbol: symbols[index]?.symbol, file: filesOf(answer).name }))).toEqual(
      symbols,
    );
  });

  it('sends a file with all that it needs, directly or not, each once', async () => {
    const [answer, ...rest] = await ask({ case: 'fileByFilename', value: 'hms/sync/v1/sync_service.proto' });
    expect(rest).toEqual([]);
    const files = answer === undefined ? undefined : filesOf(answer);
    expect(files?.name).toBe('hms/sync/v1/sync_service.proto');
    expect(files?.registry.getService('hms.sync.v1.SyncService')?.methods.map(({ name }) => name)).toContain('Publish');
    expect([...(files?.registry.files ?? [])].map(({ name }) => name).sort()).toEqual([
      'google/protobuf/duration',
      'google/protobuf/struct',
      'google/protobuf/timestamp',
      'hms/sync/v1/ack',
      'hms/sync/v1/event',
      'hms/sync/v1/sync_service',
    ]);
  });

  it('answers what it does not know with an error and goes on', async () => {
    const answers = await ask(
      { case: 'fileByFilename', value: 'no/such.proto' },
      { case: 'fileContainingSymbol', value: 'hms.sync.v1.NoSuchThing' },
      { case: 'fileContainingExtension', value: { containingType: 'hms.sync.v1.Ack', extensionNumber: 100 } },
      { case: 'allExtensionNumbersOfType', value: 'hms.sync.v1.Ack' },
      { case: undefined },
      { case: 'listServices', value: '' },
    );
    const codes = answers.map(({ messageResponse: { case: kind, value } }) =>
      kind === 'errorResponse' ? value.errorCode : kind,
    );
    const { NotFound, InvalidArgument } = Code;
    expect(codes).toEqual([NotFound, NotFound, NotFound, NotFound, InvalidArgument, 'listServicesResponse']);
  });
});

describe('buf curl without the .proto files', () => {
  it.each(['grpc-v1', 'grpc-v1alpha'])('lists the services by %s', async (protocol) => {
    const listed = await bufCurl('--reflect-protocol', protocol, '--list-services', address);
    expect(listed.trim().split('\n').sort()).toEqual(serviceNames);
  });

  it.each(['grpc', 'grpcweb', 'connect'])('calls an rpc over %s', async (protocol) => {
    const answer = await bufCurl('--protocol', protocol, `${address}/hms.sync.v1.HealthService/GetHealth`);
    expect(JSON.parse(answer)).toEqual({ health: { hub: { version: '1.2.3' } } });
  });
});
