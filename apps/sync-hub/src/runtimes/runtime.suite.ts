import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AcceptedEvent } from '../core/event.ts';
import type { Outcome } from '../core/outcome.ts';
import { type PackageContent, useAdapterPackages } from './adapter-packages.suite.ts';
import { type Manifest, readManifest } from './manifest.ts';
import type { DeliveryAttempt, Runtime } from './runtime.ts';

export interface RuntimeNeeds {
  readonly manifest: Manifest;
  /** The adapter's part of the configuration. */
  readonly config: unknown;
  /** How long importing the adapter may take. */
  readonly loadTimeoutMs: number;
}

export type CreateRuntime = (needs: RuntimeNeeds) => Runtime;

const SECRET = 'hunter2-and-more';
const never = () => new AbortController().signal;

/** The text of an adapter's module; `{}` around the parts of its definition is added. */
const adapter = (parts: string, before = '') => `import { z } from 'zod';
import { defineAdapter, secret, Permanent, Throttled, Unauthorized, Retryable } from '@hms-sync/adapter-sdk';
${before}
export default defineAdapter({ ${parts} });`;

/** What every runtime keeps, whatever its adapter does. Runs unchanged over each implementation of the port. */
export function describeRuntime(name: string, createRuntime: CreateRuntime): void {
  /** A runtime of a package with this module. */
  async function open(
    module: string,
    { config = {}, packageJson }: { config?: unknown } & Pick<PackageContent, 'packageJson'> = {},
  ) {
    const packages = await useAdapterPackages();
    await packages.add('adapter-lab', { files: { 'index.js': module }, ...(packageJson && { packageJson }) });
    const manifest = await readManifest('adapter-lab', packages.folder);
    const trace = join(packages.folder, 'trace');
    const runtime = createRuntime({ manifest, config, loadTimeoutMs: 300 });
    return { runtime, folder: packages.folder, trace };
  }

  /** A runtime that has started, and is closed with the test. */
  async function openReady(module: string, config?: unknown) {
    const { runtime } = await open(module, config === undefined ? {} : { config });
    const start = await runtime.start();
    if (start.kind !== 'ready') throw new Error(start.reason);
    return { runtime, start, deliver: (changes = {}, signal = never()) => runtime.deliver(attemptOf(changes), signal) };
  }

  async function failureOf(module: string, more: Parameters<typeof open>[1] = {}): Promise<string> {
    const { runtime } = await open(module, more);
    const start = await runtime.start();
    await runtime.close();
    if (start.kind !== 'failed') throw new Error(`it is ${start.kind}`);
    return start.reason;
  }

  describe(name, () => {
    describe('starting', () => {
      it('tells what the adapter takes and how it wants it', async () => {
        const parts = "accepts: ['ProcessUpdated'], delivery: { concurrency: 3, timeoutMs: 700 }, push: () => {}";
        expect((await openReady(adapter(parts))).start).toEqual({
          kind: 'ready',
          accepts: new Set(['ProcessUpdated']),
          concurrency: 3,
          attemptTimeoutMs: 700,
        });
        expect((await openReady(adapter('push: () => {}'))).start).toMatchObject({
          accepts: 'all',
          concurrency: 8,
          attemptTimeoutMs: 10_000,
        });
      });

      it.each([
        ['throws at import', adapter('push() {}', "throw new Error('no such thing');"), /Error: no such thing$/],
        ['throws null at import', adapter('push() {}', 'throw null;'), /it threw object$/],
        ['throws a text at import', adapter('push() {}', `throw '${SECRET}';`), /it threw string$/],
        [
          'throws an error that cannot be read',
          adapter(
            'push() {}',
            "throw Object.defineProperty(new Error(), 'message', { get() { throw new Error(); } });",
          ),
          /cannot be read$/,
        ],
        [
          'throws a revoked proxy',
          adapter('push() {}', 'const p = Proxy.revocable({}, {}); p.revoke(); throw p.proxy;'),
          /cannot be read$|revoked$/,
        ],
        ['throws an error of 10 MB', adapter('push() {}', "throw new Error('x'.repeat(1e7));"), /Error: x+$/],
        ['is no JavaScript', 'export default {{{', /SyntaxError/],
        ['imports what is not there', "import 'nowhere';", /'nowhere'/],
        ['has no default export', 'export const a = 1;', /is not made by defineAdapter/],
        ['exports what is no adapter', 'export default { push() {} };', /is not made by defineAdapter/],
        ['defines itself wrongly', adapter("push: 'no function'"), /defineAdapter: push must be a function/],
        ['never finishes importing', 'await new Promise(() => {});', /did not finish importing within 300 ms/],
        [
          'is loaded as a promise that never settles',
          'export function then() {}',
          /did not finish importing within 300 ms/,
        ],
      ])('fails with the package and what is wrong when the adapter %s', async (_what, module, reason) => {
        const told = await failureOf(module, { config: { token: SECRET } });
        expect(told).toMatch(/^adapter-lab@1\.2\.3 could not be loaded: /);
        expect(told).toMatch(reason);
        expect(told.length).toBeLessThan(1_024);
        expect(told).not.toContain(SECRET);
      });

      it('fails without a secret in the reason when the adapter quotes one at import', async () => {
        const module = adapter(
          'push() {}',
          `throw new Error('cannot log in with ${SECRET} \\u{1f512}'.padEnd(5000, '\\u{1f512}'));`,
        );
        const told = await failureOf(module, { config: { list: [{ token: SECRET }], on: 'on' } });
        expect(told).toContain('cannot log in with [redacted]');
        expect(told.isWellFormed()).toBe(true);
      });

      it.each([
        ['not exported', { packageJson: { exports: { './other': './index.js' } } }, /"\." /],
        ['a file that is not there', { packageJson: { exports: './gone.js' } }, /gone\.js/],
      ])('fails when the entry is %s', async (_what, more, reason) => {
        expect(await failureOf(adapter('push() {}'), more)).toMatch(reason);
      });

      it('fails with the path of each wrong field of the configuration, and none of its values', async () => {
        const parts =
          'config: z.strictObject({ url: z.url(), login: z.object({ token: secret(z.string().min(99)) }) }), push() {}';
        const told = await failureOf(adapter(parts), {
          config: { url: SECRET, login: { token: SECRET }, [`x${1}`]: SECRET },
        });
        expect(told).toMatch(
          /config\.url: .*config\.login\.token: .*x1.*mend the adapter's configuration and restart the hub$/,
        );
        expect(told).not.toContain(SECRET);
      });

      it('fails when a configuration is given and the adapter takes none', async () => {
        expect(await failureOf(adapter('push() {}'), { config: { token: SECRET } })).toMatch(
          /^config\.token: .*takes no configuration/,
        );
      });

      it('fails without the message of what open() throws', async () => {
        const told = await failureOf(adapter(`open() { throw new TypeError('${SECRET}'); }, push() {}`));
        expect(told).toContain('TypeError');
        expect(told).not.toContain(SECRET);
      });
    });

    describe('delivering', () => {
      it('hands over the event as it was accepted, and what belongs to the attempt', async () => {
        const { deliver } = await openReady(
          adapter(`push: (e, c) => JSON.stringify([e.id, e.source, e.type, e.key, e.time.getTime(), [...e.data], e.dataContentType,
            e.attributes, c.idempotencyKey, c.attempt, c.redelivered, c.signal.aborted])`),
        );
        const outcome = await deliver({ number: 3, redelivered: true });
        expect(JSON.parse(outcome.kind === 'delivered' ? outcome.receipt : '')).toEqual([
          'event-1',
          'hms-api',
          'ProcessUpdated',
          'process-7',
          1_790_000_000_000,
          [0, 255],
          'application/octet-stream',
          { clinic: 'north' },
          'event-1:lab',
          3,
          true,
          false,
        ]);
      });

      it.each<[string, Partial<Outcome> & { failure?: object }]>([
        [
          'throw new Permanent("gone", { code: "GONE" })',
          { kind: 'permanent', failure: { code: 'GONE', message: 'gone' } },
        ],
        [
          'throw new Throttled("less", { retryAfterMs: 5 })',
          { kind: 'throttled', failure: { code: 'THROTTLED', message: 'less' } },
        ],
        ['throw new Unauthorized("no")', { kind: 'misconfigured', failure: { code: 'UNAUTHORIZED', message: 'no' } }],
        [
          'throw new Retryable("again", { retryAfterMs: 7 })',
          { kind: 'retryable', failure: { code: 'RETRYABLE', message: 'again' } },
        ],
        ['throw null', { kind: 'retryable' }],
        ['throw undefined', { kind: 'retryable' }],
        ['throw 7', { kind: 'retryable' }],
        ['throw Promise.resolve(new Permanent("late"))', { kind: 'retryable' }],
        ['throw new Promise(() => {})', { kind: 'retryable' }],
        ['throw new Error("x".repeat(1e7))', { kind: 'retryable' }],
        ['throw new Permanent("x".repeat(1e7))', { kind: 'permanent' }],
        ['const p = Proxy.revocable({}, {}); p.revoke(); throw p.proxy', { kind: 'retryable' }],
        ['throw Object.freeze(Object.create(null))', { kind: 'retryable' }],
        ['return Promise.reject()', { kind: 'retryable' }],
        ['return { then() { throw null; } }', { kind: 'retryable' }],
        ['return "x".repeat(1e7)', { kind: 'delivered' }],
        ['return 7', { kind: 'delivered', receipt: '' }],
        ['event.json()', { kind: 'permanent', failure: { code: 'INVALID_EVENT', message: expect.any(String) } }],
      ])('gives one outcome within bounds for: %s', async (body, expected) => {
        const { deliver } = await openReady(adapter(`push(event) { ${body}; }`));
        const outcome = await deliver();
        expect(outcome).toMatchObject(expected);
        expect(JSON.stringify(outcome).length).toBeLessThan(1_500);
      });

      it.each([
        'undefined',
        'null',
        '[]',
        '[...events, ...events].map(() => ({ kind: "delivered" }))',
        'events.map(() => null)',
        'events.map(() => ({ kind: "fine" }))',
        '{ length: events.length }',
        'new Array(events.length)',
        'events.map(() => Promise.resolve({ kind: "delivered" }))',
        'new Proxy([], { get() { return 1; } })',
      ])('tells a batch that breaks the contract as retryable: %s', async (returned) => {
        const { deliver } = await openReady(adapter(`pushBatch(events) { return ${returned}; }`));
        const outcomes = await Promise.all([deliver(), deliver()]);
        for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'retryable' });
      });

      it('gives each of a batch its own outcome', async () => {
        const { deliver } = await openReady(
          adapter(
            `pushBatch: (events) => events.map((e) => e.key === 'bad' ? new Permanent('bad') : { kind: 'delivered', receipt: e.key })`,
          ),
        );
        const keys = ['a', 'bad', 'c'];
        const outcomes = await Promise.all(keys.map((key) => deliver({ event: { ...attemptOf().event, key } })));
        expect(outcomes).toMatchObject([{ receipt: 'a' }, { kind: 'permanent' }, { receipt: 'c' }]);
      });

      it('tells no secret of the configuration', async () => {
        const { deliver } = await openReady(
          adapter(
            'config: z.object({ token: secret(z.string()) }), open: ({ config }) => config, push: (e, c) => { if (e.key === "") return c.resource.token; throw new Permanent(c.resource.token); }',
          ),
          { token: SECRET },
        );
        for (const key of ['', 'x']) {
          const outcome = await deliver({ event: { ...attemptOf().event, key } });
          expect(JSON.stringify(outcome)).toContain('[redacted]');
          expect(JSON.stringify(outcome)).not.toContain(SECRET);
        }
      });

      it('settles when adapter code does, not when it is asked to end', async () => {
        const { deliver } = await openReady(
          adapter(
            "push: (e, { signal }) => new Promise((done) => signal.addEventListener('abort', () => setImmediate(done, 'ended')))",
          ),
        );
        const abort = new AbortController();
        const delivering = deliver({}, abort.signal);
        abort.abort();
        expect(await delivering).toEqual({ kind: 'delivered', receipt: 'ended' });
      });

      it('gives an outcome also where the adapter does not run', async () => {
        const { runtime } = await open(adapter('push() {}'));
        expect(await runtime.deliver(attemptOf(), never())).toMatchObject({
          kind: 'crashed',
          failure: { code: 'NOT_STARTED' },
        });
        const failed = await open('throw 1');
        await failed.runtime.start();
        expect(await failed.runtime.deliver(attemptOf(), never())).toMatchObject({ kind: 'crashed' });
      });
    });

    describe('closing', () => {
      const traced = (trace: string) =>
        adapter(
          "open: () => { note('open'); }, push: () => { note('push'); }, close: () => { note('close'); throw new Error(); }",
          `import { appendFileSync } from 'node:fs';\nconst note = (word) => appendFileSync(${JSON.stringify(trace)}, word + ' ');`,
        );

      it('closes the adapter once, however often it is asked, and delivers nothing afterwards', async () => {
        const packages = await useAdapterPackages();
        const trace = join(packages.folder, 'trace');
        const { runtime } = await openReady(traced(trace));
        await Promise.all([runtime.close(), runtime.close()]);
        await runtime.close();
        expect((await runtime.deliver(attemptOf(), never())).kind).not.toBe('delivered');
        expect(await readFile(trace, 'utf8')).toBe('open close ');
      });

      it('lets go of nothing where nothing was started', async () => {
        const { runtime } = await open(adapter('push() {}'));
        await runtime.close();
        await runtime.close();
      });

      it('leaves nothing open of an adapter that was being loaded or opened meanwhile', async () => {
        const packages = await useAdapterPackages();
        const trace = join(packages.folder, 'trace');
        const { runtime } = await open(traced(trace));
        const starting = runtime.start();
        await runtime.close();
        expect((await starting).kind).toBe('failed');
        const opening = await open(
          adapter(
            "async open() { note('open'); await new Promise((r) => setTimeout(r, 50)); }, push() {}, close() { note('close'); }",
            `import { appendFileSync } from 'node:fs';\nconst note = (word) => appendFileSync(${JSON.stringify(trace)}, word + ' ');`,
          ),
        );
        const started = opening.runtime.start();
        while ((await readFile(trace, 'utf8').catch(() => '')) === '') await new Promise(setImmediate);
        await opening.runtime.close();
        expect((await started).kind).toBe('failed');
        expect(await readFile(trace, 'utf8')).toBe('open close ');
      });
    });
  });
}

function attemptOf(changes: Partial<DeliveryAttempt> = {}): DeliveryAttempt {
  const event: AcceptedEvent = {
    id: 'event-1',
    source: 'hms-api',
    type: 'ProcessUpdated',
    key: 'process-7',
    timeMs: 1_790_000_000_000,
    data: Uint8Array.of(0, 255),
    dataContentType: 'application/octet-stream',
    attributes: { clinic: 'north' },
    seq: 1,
    acceptedAtMs: 1_790_000_000_500,
    adapters: ['lab'],
  };
  return { event, idempotencyKey: 'event-1:lab', number: 1, redelivered: false, timeoutMs: 10_000, ...changes };
}
