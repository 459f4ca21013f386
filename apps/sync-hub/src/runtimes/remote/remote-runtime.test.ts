import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineAdapter } from '@hms-sync/adapter-sdk';
import { type AdapterSource, type ServeAddress, type ServedAdapter, serveAdapter } from '@hms-sync/adapter-sdk/serve';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AttemptEnd } from '../../core/outcome.ts';
import { ours, strangers } from '../../tls/certificates.fixture.ts';
import { useAdapterPackages } from '../adapter-packages.fixture.ts';
import { findEntryFile } from '../entry-file.ts';
import { environment, proxy } from '../proxy.fixture.ts';
import type { CheckResult, DeliveryAttempt, Runtime, RuntimeStart } from '../runtime.ts';
import { deliveringSuite } from '../suite/delivering.suite.ts';
import { attemptOf, never } from '../suite/lab-adapter.fixture.ts';
import type { RuntimeNeeds } from '../suite/opener.fixture.ts';
import type { RemoteAddress } from './remote-runtime.ts';
import { createRemoteRuntime, type RemoteRuntimeOptions } from './remote-runtime.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const here = { host: '127.0.0.1', port: 0 };

const well = defineAdapter({
  push: (event, { signal }) => {
    if (event.key !== 'wait') return 'well';
    return new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve('stopped')));
  },
});

async function serve(source: AdapterSource = well, listen: ServeAddress = here): Promise<ServedAdapter> {
  const served = await serveAdapter(source, { adapter: { id: 'lab', version: '1.2.3' }, listen, log: silent });
  onTestFinished(() => served.close());
  return served;
}

function reach(address: string, changes: Partial<RemoteAddress> = {}, options: Partial<RemoteRuntimeOptions> = {}) {
  const remote = { ca: undefined, cert: undefined, key: undefined, token: undefined, plaintext: false, ...changes };
  const runtime = createRemoteRuntime({
    remote: { address, ...remote },
    config: {},
    hubVersion: '0.0.0',
    restart: { baseMs: 50, capMs: 50 },
    ...options,
  });
  onTestFinished(() => runtime.close());
  return runtime;
}

const plaintext = { plaintext: true };

/** Serves the adapter of a package, and reaches it: for the suite of deliveries that every runtime passes. */
class ServedPackage implements Runtime {
  readonly kind = 'remote';
  readonly #needs: RuntimeNeeds;
  #served: ServedAdapter | undefined;
  #runtime: Runtime | undefined;

  constructor(needs: RuntimeNeeds) {
    this.#needs = needs;
  }

  async start(): Promise<RuntimeStart> {
    const { manifest, config } = this.#needs;
    const { path } = await findEntryFile(manifest);
    this.#served = await serveAdapter(() => import(pathToFileURL(path).href), {
      adapter: { id: manifest.id, version: manifest.version },
      listen: here,
      log: silent,
    });
    this.#runtime = reach(this.#served.address, plaintext, { config });
    return this.#runtime.start();
  }

  async check(): Promise<readonly CheckResult[]> {
    return this.#runtime?.check() ?? [];
  }

  async deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd> {
    const notStarted = reach('127.0.0.1:1', plaintext);
    return (this.#runtime ?? notStarted).deliver(attempt, signal);
  }

  async close(): Promise<void> {
    await this.#runtime?.close();
    await this.#served?.close();
  }
}

describe('remote runtime, delivering', () => deliveringSuite((needs) => new ServedPackage(needs)));

describe('a remote adapter', () => {
  it('is reached by TLS with its authority, and by mTLS with a client certificate and a token', async () => {
    const tls = { cert: ours.cert, key: ours.key, clientCa: ours.cert };
    const served = await serve(well, { ...here, tls, token: 'hunter2' });
    const files = await pemFiles();
    const runtime = reach(served.address, { ca: files.cert, cert: files.cert, key: files.key, token: 'hunter2' });
    expect(await runtime.start()).toMatchObject({ kind: 'ready', accepts: 'all' });
    expect(await runtime.deliver(attemptOf(), never())).toEqual({ kind: 'delivered', receipt: 'well' });
  });

  it.each<[string, (files: Awaited<ReturnType<typeof pemFiles>>) => Partial<RemoteAddress>, RegExp]>([
    ['without the token', ({ cert, key }) => ({ ca: cert, cert, key }), /refuses the token/],
    ['with another token', ({ cert, key }) => ({ ca: cert, cert, key, token: 'hunter3' }), /refuses the token/],
    ['without a client certificate', ({ cert }) => ({ ca: cert, token: 'hunter2' }), /did not finish starting/],
    [
      "with a stranger's certificate",
      ({ cert, strangersCert, strangersKey }) => ({
        ca: cert,
        cert: strangersCert,
        key: strangersKey,
        token: 'hunter2',
      }),
      /did not finish starting/,
    ],
    [
      'that it does not trust',
      ({ strangersCert }) => ({ ca: strangersCert, token: 'hunter2' }),
      /self-signed|certificate/,
    ],
    ['in plain text', () => ({ plaintext: true, token: 'hunter2' }), /did not finish starting/],
    [
      'with a file that is not there',
      () => ({ ca: '/nowhere/ca.pem' }),
      /^remote\.ca: \/nowhere\/ca\.pem cannot be read/,
    ],
  ])('is FAILED with the reason when it is reached %s', async (_what, changesOf, reason) => {
    const tls = { cert: ours.cert, key: ours.key, clientCa: ours.cert };
    const served = await serve(well, { ...here, tls, token: 'hunter2' });
    const start = await reach(served.address, changesOf(await pemFiles())).start();
    expect(start).toMatchObject({ kind: 'failed', reason: expect.stringMatching(reason) });
    expect(start).toMatchObject({ reason: expect.stringMatching(/it is started again in 0\.\d s$/) });
    expect(JSON.stringify(start)).not.toContain('hunter2');
  });

  it('that accepts hubs of another name is FAILED with the reason', async () => {
    const tls = { cert: ours.cert, key: ours.key, clientCa: ours.cert, hubNames: ['hub.clinic.example'] };
    const served = await serve(well, { ...here, tls });
    const { cert, key } = await pemFiles();
    expect(await reach(served.address, { ca: cert, cert, key }).start()).toMatchObject({
      reason: expect.stringContaining('it refuses this hub: the certificate has none of the names'),
    });
  });

  it('that goes away is reported, has what it had reported as retryable, and is ready again when it is back', async () => {
    const served = await serve();
    const port = Number(served.address.split(':')[1]);
    const changes = changesOf();
    const runtime = reach(served.address, plaintext);
    expect(await runtime.start(changes.take)).toMatchObject({ kind: 'ready' });
    const waiting = runtime.deliver({ ...attemptOf(), event: { ...attemptOf().event, key: 'wait' } }, never());
    await runtime.deliver(attemptOf(), never());
    const closing = served.close();
    const outcome = await waiting;
    expect(outcome).toMatchObject({ kind: 'retryable', failure: { code: 'CONNECTION_LOST' } });
    await closing;
    expect(await changes.next()).toMatchObject({
      kind: 'starting',
      reason: expect.stringContaining(`the connection to the adapter at 127.0.0.1:${port} ended`),
    });
    await serve(well, { ...here, port });
    let received = await changes.next();
    while (received.kind !== 'ready') received = await changes.next();
    expect(await runtime.deliver(attemptOf(), never())).toMatchObject({ kind: 'delivered' });
  });

  it('that nobody serves yet is FAILED and tried again', async () => {
    const start = await reach('127.0.0.1:1', plaintext).start();
    expect(start).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/^the adapter at 127\.0\.0\.1:1 did not finish starting: .*it is started again in/),
    });
  });

  it('built with the first SDK runs on a hub that also speaks a second protocol', async () => {
    const served = await serve();
    const runtime = reach(served.address, plaintext, { protocols: [1, 2] });
    expect(await runtime.start()).toMatchObject({ kind: 'ready' });
    expect(await runtime.deliver(attemptOf(), never())).toMatchObject({ kind: 'delivered' });
  });

  it('that speaks no protocol of the hub is INCOMPATIBLE, with what would do', async () => {
    const served = await serve();
    expect(await reach(served.address, plaintext, { protocols: [2, 3] }).start()).toEqual({
      kind: 'incompatible',
      reason: `the hub speaks adapter protocol 2, 3, the adapter at ${served.address} none of them; install a version of it that speaks one of the hub's`,
    });
  });
});

it('is served in plain text on loopback alone', async () => {
  await expect(serve(well, { host: '0.0.0.0', port: 0 })).rejects.toThrow(/^serveAdapter: listen\.tls is missing/);
});

async function pemFiles() {
  const { folder } = await useAdapterPackages();
  const write = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  return {
    cert: await write('ours.crt', ours.cert),
    key: await write('ours.key', ours.key),
    strangersCert: await write('strangers.crt', strangers.cert),
    strangersKey: await write('strangers.key', strangers.key),
  };
}

/** The changes of a runtime, to be waited for one by one. */
function changesOf() {
  const changes: RuntimeStart[] = [];
  let onChange = () => {};
  return {
    take: (change: RuntimeStart) => {
      changes.push(change);
      onChange();
    },
    next: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      onChange = resolve;
      if (changes.length === 0) await promise;
      return changes.shift() as RuntimeStart;
    },
  };
}

describe('a proxy that the environment names', () => {
  it.each([
    ['not used', {}, []],
    ['used with NODE_USE_ENV_PROXY', { NODE_USE_ENV_PROXY: '1' }, [expect.stringContaining('CONNECT 127.0.0.1:')]],
    ['not used for an adapter that no_proxy names', { NODE_USE_ENV_PROXY: '1', no_proxy: '127.0.0.1' }, []],
  ])('is %s', async (_what, variables, expected) => {
    const { asked, address } = await proxy();
    environment({ http_proxy: `http://${address}`, https_proxy: '', ...variables });
    const served = await serve();
    const runtime = reach(served.address, plaintext);
    expect(await runtime.start()).toMatchObject({ kind: 'ready' });
    expect(asked).toEqual(expected);
  });
});
