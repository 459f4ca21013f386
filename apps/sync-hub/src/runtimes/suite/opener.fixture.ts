import { onTestFinished } from 'vitest';
import { type PackageContent, useAdapterPackages } from '../adapter-packages.fixture.ts';
import { type Manifest, readManifest } from '../manifest.ts';
import type { DeliveryAttempt, Runtime } from '../runtime.ts';
import { attemptOf, never } from './lab-adapter.fixture.ts';

export interface RuntimeNeeds {
  readonly manifest: Manifest;
  /** The adapter's part of the configuration. */
  readonly config: unknown;
  /** How long importing the adapter may take. */
  readonly loadTimeoutMs: number;
}

export type CreateRuntime = (needs: RuntimeNeeds) => Runtime;

type OpenOptions = { readonly config?: unknown; readonly loadTimeoutMs?: number } & Pick<PackageContent, 'packageJson'>;

/** Importing an honest adapter takes a tenth of a second, and on a machine under load many times that. */
const LOAD_TIMEOUT_MS = 10_000;

/** Opens runtimes of adapters whose modules are given as text, each in a package that lasts as long as the test. */
export function createOpener(createRuntime: CreateRuntime) {
  /** A runtime of a package with this module; it has not started. */
  async function open(module: string, options: OpenOptions = {}): Promise<Runtime> {
    const { config = {}, loadTimeoutMs = LOAD_TIMEOUT_MS, packageJson } = options;
    const packages = await useAdapterPackages();
    await packages.add('adapter-lab', { files: { 'index.js': module }, ...(packageJson && { packageJson }) });
    const manifest = await readManifest('adapter-lab', packages.folder);
    return createRuntime({ manifest, config, loadTimeoutMs });
  }

  /** A runtime that has started, and is closed with the test. */
  async function openReady(module: string, config?: unknown) {
    const runtime = await open(module, config === undefined ? {} : { config });
    onTestFinished(() => runtime.close());
    const start = await runtime.start();
    if (start.kind !== 'ready') throw new Error(start.reason);
    return {
      runtime,
      start,
      deliver: (changes: Partial<DeliveryAttempt> = {}, signal = never()) =>
        runtime.deliver(attemptOf(changes), signal),
    };
  }

  /** Why the runtime of this module does not start. */
  async function failureOf(module: string, options: OpenOptions = {}): Promise<string> {
    const runtime = await open(module, options);
    const start = await runtime.start();
    await runtime.close();
    if (start.kind !== 'failed') throw new Error(`it is ${start.kind}`);
    return start.reason;
  }

  return { open, openReady, failureOf };
}
