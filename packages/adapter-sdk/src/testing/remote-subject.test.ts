import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { grpcServiceDefinition } from '@hms-sync/proto/grpc';
import {
  AdapterService,
  ConfigureResponseSchema,
  type DeliverRequest,
  type DeliverResponse,
  DeliverResponseSchema,
  OutcomeKind,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { expect, it, onTestFinished } from 'vitest';
import { badAdapters, wellAdapter } from '../../test/bad-adapters.ts';
import { recordingLog } from '../../test/delivery.ts';
import type { DefinedAdapter } from '../index.ts';
import { serveAdapter } from '../serve/serve.ts';
import { CHECKS } from './checks.ts';
import { type RemoteOptions, remoteSubject, type Verdict, verify } from './testing.ts';

const kit = { config: { baseUrl: '{{url}}', token: '{{secret}}' } };

/** What the kit finds at an address. */
async function verdictsAt(address: string, options: RemoteOptions = {}, only?: string) {
  const verdicts: Verdict[] = [];
  const chosen = CHECKS.filter(({ name }) => only === undefined || name === only);
  for await (const verdict of verify({ subject: remoteSubject(address, options), kit }, chosen)) verdicts.push(verdict);
  return verdicts;
}

async function serving(definition: DefinedAdapter, token?: string) {
  const served = await serveAdapter(definition, {
    adapter: { id: 'lab', version: '1.0.0' },
    listen: { host: '127.0.0.1', port: 0, ...(token !== undefined && { token }) },
    log: recordingLog().log,
  });
  onTestFinished(() => served.close());
  return served.address;
}

it('an adapter that is served passes everything that can be seen from elsewhere', async () => {
  const verdicts = await verdictsAt(await serving(wellAdapter(), 'a-token'), { token: 'a-token' });
  const unseen = ['handles', 'heap'];
  expect(verdicts).toMatchObject(
    CHECKS.map(({ name }) => ({ check: name, kind: unseen.includes(name) ? 'not seen' : 'passed' })),
  );
  expect(verdicts.find(({ check }) => check === 'privacy')).toMatchObject({ note: expect.stringContaining('its log') });
});

it.each(['duplicate', 'throttling', 'abort', 'drain'])(
  'a served adapter that is bad at %s fails that',
  async (name) => {
    const definition = badAdapters[name];
    expect(definition).toBeDefined();
    const verdicts = await verdictsAt(await serving(definition?.() ?? wellAdapter()), {}, name);
    expect(verdicts).toMatchObject([{ kind: 'failed', check: name }]);
  },
);

it('a closed port and a rejected token are reported as such', async () => {
  expect(await verdictsAt('127.0.0.1:1', {}, 'manifest')).toMatchObject([
    { kind: 'failed', why: expect.stringMatching(/Describe failed: 14 .*; check that the adapter runs there/) },
  ]);
  const address = await serving(wellAdapter(), 'a-token');
  expect(await verdictsAt(address, { token: 'another' }, 'manifest')).toMatchObject([
    { kind: 'failed', why: expect.stringMatching(/Describe failed: 16/) },
  ]);
});

/** Less than the kit has at once. */
const CREDIT = 7;

/** A server that says yes to everything and answers each delivery as instructed. */
async function answering(answer: (ref: bigint) => readonly { ref: bigint; kind: OutcomeKind; message?: string }[]) {
  const server = new Server();
  server.addService(grpcServiceDefinition(AdapterService), {
    Configure: (_call: unknown, done: (error: null, response: unknown) => void) =>
      done(null, create(ConfigureResponseSchema)),
    Deliver: (call: ServerDuplexStream<DeliverRequest, DeliverResponse>) => {
      call.write(create(DeliverResponseSchema, { credit: CREDIT }));
      call.on('data', ({ deliveries }: DeliverRequest) => {
        // Who is sent more than there was credit for owes no answer.
        if (deliveries.length > CREDIT) return;
        const outcomes = deliveries.flatMap(({ ref }) => [...answer(ref)]);
        call.write(create(DeliverResponseSchema, { outcomes, credit: deliveries.length }));
      });
      call.on('end', () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  onTestFinished(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

const delivered = (ref: bigint) => ({ ref, kind: OutcomeKind.DELIVERED });

it.each<[string, Parameters<typeof answering>[0]]>([
  ['a second outcome', (ref) => [delivered(ref), delivered(ref)]],
  ['an outcome for nothing', (ref) => [delivered(ref), delivered(ref + 1_000n)]],
  ['has no kind', (ref) => [{ ref, kind: OutcomeKind.UNSPECIFIED }]],
  ['longer than 1024 characters', (ref) => [{ ...delivered(ref), message: 'x'.repeat(1025) }]],
])('a server that breaks the contract is found out: %s', async (breach, answer) => {
  const verdicts = await verdictsAt(await answering(answer), {}, 'one-outcome');
  expect(verdicts).toMatchObject([{ kind: 'failed', why: expect.stringContaining(breach) }]);
});

it('deliveries wait for credit, and none is sent beyond it', async () => {
  let answered = 0;
  const address = await answering((ref) => {
    answered += 1;
    return [delivered(ref)];
  });
  expect(await verdictsAt(address, {}, 'one-outcome')).toMatchObject([{ kind: 'passed' }]);
  expect(answered).toBeGreaterThan(CREDIT);
});
