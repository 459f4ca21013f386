import type { AdapterLog } from '@hms-sync/adapter-sdk/host';
import { afterEach, expect, it, vi } from 'vitest';
import { useAdapterPackages } from '../adapter-packages.fixture.ts';
import { readManifest } from '../manifest.ts';
import { describeRuntime } from '../runtime.suite.ts';
import { InlineRuntime } from './inline-runtime.ts';

const silent: AdapterLog = { debug() {}, info() {}, warn() {}, error() {} };

describeRuntime('inline runtime', (needs) => new InlineRuntime({ ...needs, log: silent }));

afterEach(() => {
  vi.useRealTimers();
});

it('fails an adapter whose open() hangs, within 10 s', async () => {
  const packages = await useAdapterPackages();
  const opened = Promise.withResolvers<void>();
  Reflect.set(globalThis, Symbol.for('test.opened'), opened.resolve);
  const module = `import { defineAdapter } from '@hms-sync/adapter-sdk';
export default defineAdapter({
  open() { globalThis[Symbol.for('test.opened')](); return new Promise(() => {}); },
  push() {},
});`;
  await packages.add('adapter-lab', { files: { 'index.js': module } });
  const manifest = await readManifest('adapter-lab', packages.folder);
  const runtime = new InlineRuntime({ manifest, config: {}, log: silent });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const starting = runtime.start();
  await opened.promise;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await starting).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('open() did not finish within 10000 ms'),
  });
});
