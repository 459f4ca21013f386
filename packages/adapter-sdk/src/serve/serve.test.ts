import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { grpcServiceDefinition } from '@hms-sync/proto/grpc';
import { Health, type HealthCheckResponse } from '@hms-sync/proto/health/v1/health';
import {
  AdapterService,
  type ConfigureResponse,
  DeliverRequestSchema,
  type DeliverResponse,
  type DescribeResponse,
  type DrainResponse,
  OutcomeKind,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { adapterFolder } from '../../test/adapter-folder.ts';
import { namedHub, testOnly } from '../../test/certificates.ts';
import { selfSigned } from '../../test/self-signed.ts';
import { Permanent } from '../adapter-error.ts';
import { secret } from '../config-schema.ts';
import { defineAdapter } from '../definition.ts';
import { type AdapterSource, type ServeAddress, type ServerTls, serveAdapter } from './serve.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Serves an adapter, and calls it as a hub in any language would. */
async function serve(source: AdapterSource) {
  const served = await serveAdapter(source, {
    adapter: { id: 'lab', version: '1.2.3' },
    listen: { host: '127.0.0.1', port: 0 },
    log: silent,
    loadTimeoutMs: 500,
  });
  const client = new Client(served.address, credentials.createInsecure());
  onTestFinished(async () => {
    client.close();
    await served.close();
  });
  const methods = { ...grpcServiceDefinition(AdapterService), ...grpcServiceDefinition(Health) };
  const method = (name: string) => {
    const found = methods[name];
    if (found === undefined) throw new Error(`there is no rpc ${name}`);
    return found;
  };
  function call<Response>(name: string, request: Record<string, unknown> = {}): Promise<Response> {
    const { path, requestSerialize, responseDeserialize } = method(name);
    const service = [AdapterService, Health].find(({ typeName }) => path.startsWith(`/${typeName}/`));
    const input = service?.methods.find((known) => known.name === name)?.input;
    if (input === undefined) throw new Error(`there is no rpc ${name}`);
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, create(input, request), (error, answer) => {
        if (error !== null) reject(error);
        else resolve(answer as Response);
      });
    });
  }
  function deliver() {
    const { path, requestSerialize, responseDeserialize } = method('Deliver');
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const answers: DeliverResponse[] = [];
    let onAnswer = () => {};
    stream.on('data', (answer: DeliverResponse) => {
      answers.push(answer);
      onAnswer();
    });
    const failed = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
    return {
      send: (request: MessageInitShape<typeof DeliverRequestSchema>) =>
        stream.write(create(DeliverRequestSchema, request)),
      next: async () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        onAnswer = resolve;
        if (answers.length === 0) await promise;
        return answers.shift() as DeliverResponse;
      },
      failed,
      cancel: () => stream.cancel(),
    };
  }
  return { served, call, deliver };
}

const delivery = (ref: bigint, key = '') => ({
  ref,
  event: { id: `event-${ref}`, type: 'ProcessUpdated', key },
  idempotencyKey: `event-${ref}:lab`,
  attempt: 1,
  timeout: durationFromMs(10_000),
});

/** Waits for an abort with the key `wait`, refuses `bad`, and delivers everything else. */
const lab = defineAdapter({
  push: (event, { signal }) => {
    if (event.key === 'bad') throw new Permanent('no', { code: 'BAD' });
    if (event.key !== 'wait') return event.id;
    return new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve('aborted')));
  },
});

describe('Describe', () => {
  it('Describe returns the id, the accepted types, the delivery settings and the configuration', async () => {
    const { call } = await serve(
      defineAdapter({
        accepts: ['ProcessUpdated'],
        config: z.strictObject({ token: secret(z.string()) }),
        delivery: { concurrency: 3, timeoutMs: 700 },
        check: () => [],
        push: () => undefined,
      }),
    );
    const described = await call<DescribeResponse>('Describe', { protocols: [1] });
    expect(described).toMatchObject({
      id: 'lab',
      version: '1.2.3',
      protocols: [1],
      accepts: ['ProcessUpdated'],
      capabilities: ['check'],
      delivery: { concurrency: 3, timeout: durationFromMs(700) },
      loadFailure: '',
    });
    expect(JSON.parse(described.configSchemaJson)).toMatchObject({ properties: { token: { type: 'string' } } });
  });

  it.each([
    [
      'throws',
      () => Promise.reject(new Error('no license')),
      expect.stringMatching(/^Error: no license \(at .*serve\.test\.ts:\d+:\d+\)+$/),
    ],
    [
      'cannot be parsed',
      () => Promise.reject(parsingError),
      'SyntaxError: Expression expected (file:///lab/mapping.ts:17)',
    ],
    ['throws null', () => Promise.reject(null), 'it threw null'],
    ['exports no definition', async () => ({ default: {} }), 'the default export of lab is not made by defineAdapter'],
    ['never finishes', () => new Promise(() => {}), 'it did not finish importing within 500 ms'],
  ])('reports why a module could not be loaded that %s, and Configure fails', async (_what, source, why) => {
    const { call } = await serve(source);
    expect(await call<DescribeResponse>('Describe')).toMatchObject({ id: 'lab', protocols: [1], loadFailure: why });
    const { diagnostics } = await call<ConfigureResponse>('Configure', { configJson: '{}' });
    expect(diagnostics).toMatchObject([{ path: '', message: 'the adapter could not be loaded' }]);
  });
});

/** As Node has it: the place comes before the message. */
const parsingError = Object.assign(new SyntaxError('Expression expected'), {
  stack: 'file:///lab/mapping.ts:17\n  const = 7;\n        ^\n\nSyntaxError: Expression expected',
});

describe('Configure', () => {
  it('names the path of each wrong field, and Deliver is rejected as long as there is one', async () => {
    const { call, deliver } = await serve(
      defineAdapter({ config: z.strictObject({ url: z.url() }), push: () => undefined }),
    );
    const { diagnostics } = await call<ConfigureResponse>('Configure', { configJson: '{"url":"hunter2"}' });
    expect(diagnostics).toMatchObject([{ path: 'url' }]);
    expect(JSON.stringify(diagnostics)).not.toContain('hunter2');
    expect(await deliver().failed).toMatchObject({ code: status.FAILED_PRECONDITION });
    expect(await call<ConfigureResponse>('Configure', { configJson: '{"url":"http://x"}' })).toMatchObject({
      diagnostics: [],
    });
  });

  it('rejects what is not JSON without quoting it', async () => {
    const { call } = await serve(lab);
    const { diagnostics } = await call<ConfigureResponse>('Configure', { configJson: 'hunter2' });
    expect(diagnostics).toMatchObject([{ path: '', message: expect.stringContaining('config_json is not JSON') }]);
  });
});

describe('Deliver', () => {
  it('gives credit first, then one outcome for each delivery, those of one turn in one message, with their credit', async () => {
    const { call, deliver } = await serve(lab);
    await call('Configure', { configJson: '{}' });
    const stream = deliver();
    expect(await stream.next()).toMatchObject({ outcomes: [], credit: 2_048 });
    stream.send({ deliveries: [delivery(1n), delivery(2n, 'bad'), delivery(3n)] });
    const { outcomes, credit } = await stream.next();
    expect(credit).toBe(3);
    expect(outcomes.toSorted((a, b) => Number(a.ref - b.ref))).toMatchObject([
      { ref: 1n, kind: OutcomeKind.DELIVERED, receipt: 'event-1' },
      { ref: 2n, kind: OutcomeKind.PERMANENT, code: 'BAD', message: 'no' },
      { ref: 3n, kind: OutcomeKind.DELIVERED, receipt: 'event-3' },
    ]);
  });

  it('aborts the attempts that are named, and answers for them all the same', async () => {
    const { call, deliver } = await serve(lab);
    await call('Configure', { configJson: '{}' });
    const stream = deliver();
    await stream.next();
    stream.send({ deliveries: [delivery(1n, 'wait')] });
    stream.send({ aborted: [1n, 99n] });
    expect((await stream.next()).outcomes).toMatchObject([{ ref: 1n, receipt: 'aborted' }]);
  });

  it('aborts everything of a caller that is gone', async () => {
    const aborted = Promise.withResolvers<void>();
    const { call, deliver } = await serve(
      defineAdapter({
        push: (_event, { signal }) =>
          new Promise<void>((resolve) => {
            signal.addEventListener('abort', () => {
              aborted.resolve();
              resolve();
            });
            begun.resolve();
          }),
      }),
    );
    const begun = Promise.withResolvers<void>();
    await call('Configure', { configJson: '{}' });
    const stream = deliver();
    stream.send({ deliveries: [delivery(1n)] });
    await begun.promise;
    stream.cancel();
    await aborted.promise;
    expect(await stream.failed).toMatchObject({ code: status.CANCELLED });
  });
});

describe('Drain', () => {
  it('finishes running attempts, accepts no new ones, and returns how many are left after its timeout', async () => {
    const { call, deliver } = await serve(lab);
    await call('Configure', { configJson: '{}' });
    const stream = deliver();
    await stream.next();
    stream.send({ deliveries: [delivery(1n, 'wait'), delivery(2n)] });
    await stream.next();
    expect(await call<DrainResponse>('Drain', { timeout: durationFromMs(20) })).toMatchObject({ unfinished: 1 });
    stream.send({ deliveries: [delivery(3n)] });
    expect((await stream.next()).outcomes).toMatchObject([{ ref: 3n, kind: OutcomeKind.RETRYABLE, code: 'DRAINING' }]);
    const draining = call<DrainResponse>('Drain', { timeout: durationFromMs(10_000) });
    stream.send({ aborted: [1n] });
    expect(await draining).toMatchObject({ unfinished: 0 });
    // The next hub of a service, or its verification a moment ago.
    await call('Configure', { configJson: '{}' });
    const again = deliver();
    await again.next();
    again.send({ deliveries: [delivery(4n)] });
    expect((await again.next()).outcomes).toMatchObject([{ ref: 4n, kind: OutcomeKind.DELIVERED }]);
  });
});

describe('grpc.health.v1', () => {
  it('serves the process and its service, and knows no other', async () => {
    const { call } = await serve(lab);
    for (const service of ['', 'hms.adapter.v1.AdapterService']) {
      expect(await call<HealthCheckResponse>('Check', { service })).toMatchObject({ status: 1 });
    }
    expect(await call('List')).toMatchObject({ statuses: { '': { status: 1 } } });
    await expect(call('Check', { service: 'elsewhere' })).rejects.toMatchObject({ code: status.NOT_FOUND });
  });
});

describe('an address that anybody on the machine can reach', () => {
  it.each([
    ['a token', { token: 'hunter2-and-more' }, 0],
    ['nothing that callers must show', {}, 1],
  ])('with %s is warned of when it should be', async (_what, shown, warnings) => {
    const warn = vi.fn();
    const served = await serveAdapter(lab, {
      adapter: { id: 'lab', version: '1.2.3' },
      listen: { host: '127.0.0.1', port: 0, ...shown },
      log: { ...silent, warn },
    });
    await served.close();
    expect(warn).toHaveBeenCalledTimes(warnings);
  });
});

/** The status that a caller gets for its first call. */
function statusFor(address: string, token: string | undefined, tls: ChannelCredentials): Promise<status> {
  const client = new Client(address, tls, { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(() => client.close());
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const { Check: check } = grpcServiceDefinition(Health);
  if (check === undefined) throw new Error('there is no Check');
  return new Promise((resolve) => {
    const request = create(Health.method.check.input, {});
    const { path, requestSerialize, responseDeserialize } = check;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error) =>
      resolve(error?.code ?? status.OK),
    );
  });
}

describe('a token', () => {
  const adapter = { id: 'lab', version: '1.2.3' };
  const listen = { host: '127.0.0.1', port: 0 };

  it('and the one that replaces it are both accepted, and no other', async () => {
    const tokens = ['hunter2-former', 'hunter2-next'] as const;
    const served = await serveAdapter(lab, { adapter, listen: { ...listen, token: tokens }, log: silent });
    onTestFinished(() => served.close());
    const insecure = credentials.createInsecure();
    for (const token of tokens) expect(await statusFor(served.address, token, insecure)).toBe(status.OK);
    for (const token of ['hunter3', 'hunter2-former,hunter2-next', '', undefined]) {
      expect(await statusFor(served.address, token, insecure)).toBe(status.UNAUTHENTICATED);
    }
  });

  it.each([[''], [['hunter2', '']], [['hunter2', undefined]], [undefined], [[]]])(
    'that is not there is no reason to require none: %j',
    async (token) => {
      const address = { ...listen, token } as ServeAddress;
      await expect(serveAdapter(lab, { adapter, listen: address })).rejects.toThrow('listen.token is empty or not set');
    },
  );
});

describe('a certificate', () => {
  const { ca, server, client } = testOnly;
  const tls = { ...server, clientCa: ca };
  const adapter = { id: 'lab', version: '1.2.3' };

  /** The certificate that a new connection is shown. */
  async function shownBy(address: string): Promise<string | undefined> {
    const [host = '', port] = address.split(':');
    const socket = connect({
      host,
      port: Number(port),
      ca: [ca, selfSigned.cert],
      ALPNProtocols: ['h2'],
      cert: client.cert,
      key: client.key,
    });
    await once(socket, 'secureConnect');
    const shown = socket.getPeerX509Certificate()?.toString();
    socket.destroy();
    return shown;
  }

  it('is replaced for new connections, all or nothing', async () => {
    const served = await serveAdapter(lab, { adapter, listen: { host: '127.0.0.1', port: 0, tls }, log: silent });
    onTestFinished(() => served.close());
    expect(await shownBy(served.address)).toBe(server.cert);
    const wrong = [
      { ...tls, key: selfSigned.key },
      { ...tls, cert: 'hunter2' },
      { ...tls, key: 'hunter2' },
      { ...tls, clientCa: 'hunter2' },
    ];
    for (const one of wrong) {
      expect(() => served.setTls(one)).toThrow(/^serveAdapter: tls\.[^2]*$/);
      expect(await shownBy(served.address)).toBe(server.cert);
    }
    expect(() => served.setTls(server)).toThrow('clientCa cannot be added or removed');
    served.setTls({ ...selfSigned, clientCa: ca });
    expect(await shownBy(served.address)).toBe(selfSigned.cert);
  });

  it('is read again when its files change, all or nothing', async () => {
    const folder = await adapterFolder({});
    const replace = async (name: string, text: string) => {
      await writeFile(join(folder, `${name}.new`), text);
      await rename(join(folder, `${name}.new`), join(folder, name));
    };
    await replace('lab.pem', server.cert);
    await replace('lab-key.pem', server.key);
    const log = { ...silent, info: vi.fn(), warn: vi.fn() };
    const files = { certFile: join(folder, 'lab.pem'), keyFile: join(folder, 'lab-key.pem') };
    const token = 'hunter2';
    const listen = { host: '127.0.0.1', port: 0, tls: files, token };
    const served = await serveAdapter(lab, { adapter, listen, log });
    onTestFinished(() => served.close());
    expect(() => served.setTls(server)).toThrow('served from files');

    await replace('lab.pem', selfSigned.cert);
    await vi.waitFor(() => expect(log.warn).toHaveBeenCalled(), 10_000);
    expect(log.warn.mock.calls).toEqual([
      [expect.stringContaining('is not used'), { certFile: files.certFile, why: expect.stringContaining('keyFile') }],
    ]);
    expect(await shownBy(served.address)).toBe(server.cert);

    await replace('lab-key.pem', selfSigned.key);
    await vi.waitFor(() => expect(log.info).toHaveBeenCalled(), 10_000);
    expect(await shownBy(served.address)).toBe(selfSigned.cert);
    expect(log.warn).toHaveBeenCalledTimes(1);
  });

  it.each<[string, { cert: string; key: string }, readonly string[] | undefined, status]>([
    ['by its SPIFFE ID', namedHub, ['spiffe://clinic.example/hub'], status.OK],
    ['by its DNS name', namedHub, ['other.example', 'hub.clinic.example'], status.OK],
    ['without a name, when none is required', client, undefined, status.OK],
    ['by another name', namedHub, ['spiffe://clinic.example/hub2', 'clinic.example'], status.PERMISSION_DENIED],
    ['by its common name', namedHub, ['rogue.clinic.example'], status.PERMISSION_DENIED],
    ['by a wildcard', namedHub, ['*.clinic.example', 'spiffe://clinic.example/*'], status.PERMISSION_DENIED],
    ['by a part of its name', namedHub, ['//clinic.example/hub', 'URI:spiffe'], status.PERMISSION_DENIED],
    ['without a name', client, ['hub.clinic.example'], status.PERMISSION_DENIED],
  ])('of a hub is judged %s', async (_how, hub, hubNames, expected) => {
    const withNames = { ...server, clientCa: `${ca}${namedHub.cert}`, ...(hubNames && { hubNames }) };
    const listen = { host: '127.0.0.1', port: 0, tls: withNames };
    const served = await serveAdapter(lab, { adapter, listen, log: silent });
    onTestFinished(() => served.close());
    const channel = credentials.createSsl(Buffer.from(ca), Buffer.from(hub.key), Buffer.from(hub.cert));
    expect(await statusFor(served.address, undefined, channel)).toBe(expected);
  });

  it.each<[string, Partial<ServerTls>]>([
    ['without clientCa', { hubNames: ['hub.clinic.example'] }],
    ['that are none', { clientCa: ca, hubNames: [] }],
  ])('of hubs cannot be required to have names %s', async (_how, names) => {
    const listen = { host: '127.0.0.1', port: 0, tls: { ...server, ...names } };
    await expect(serveAdapter(lab, { adapter, listen })).rejects.toThrow('tls.hubNames needs');
  });

  it('whose file is not there is refused with the name of the field', async () => {
    const tlsFiles = { certFile: '/nowhere/lab.pem', keyFile: '/nowhere/lab-key.pem' };
    const refused = serveAdapter(lab, { adapter, listen: { host: '127.0.0.1', port: 0, tls: tlsFiles } });
    await expect(refused).rejects.toThrow('tls.certFile: /nowhere/lab.pem cannot be read (ENOENT)');
  });

  it('that cannot be used is refused at the start, and one where there is no TLS', async () => {
    const listen = { host: '127.0.0.1', port: 0 };
    const refused = serveAdapter(lab, { adapter, listen: { ...listen, tls: { ...tls, key: selfSigned.key } } });
    await expect(refused).rejects.toThrow(/tls\.cert and tls\.key are not a certificate and its key/);
    const served = await serveAdapter(lab, { adapter, listen, log: silent });
    onTestFinished(() => served.close());
    expect(() => served.setTls(tls)).toThrow('served without TLS');
  });
});
