import type { AdapterLog, LogFields } from '@hms-sync/adapter-sdk/host';
import { expect, onTestFinished } from 'vitest';
import type { AttemptEnd } from '../../core/outcome.ts';
import { useAdapterPackages } from '../adapter-packages.fixture.ts';
import { readManifest } from '../manifest.ts';
import type { CheckResult, DeliveryAttempt, RuntimeStart } from '../runtime.ts';
import { adapter, attemptOf, never } from '../suite/lab-adapter.fixture.ts';
import { createProcessRuntime, type ProcessRuntimeOptions } from './process-runtime.ts';

export interface HostileOptions extends Partial<Omit<ProcessRuntimeOptions, 'manifest' | 'log'>> {
  /** Changes to hmsSync in its package.json. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** More files of its package. */
  readonly files?: Readonly<Record<string, string>>;
}

interface LogRecord {
  readonly level: keyof AdapterLog;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** An adapter that does harm, in a process of its own, and what its operator sees. */
export interface HostileAdapter {
  /** Of its package. */
  readonly folder: string;
  readonly start: RuntimeStart;
  readonly records: readonly LogRecord[];
  deliver(changes?: Partial<DeliveryAttempt>, signal?: AbortSignal): Promise<AttemptEnd>;
  check(): Promise<readonly CheckResult[]>;
  /** The next change of its state, or one that came already and was not asked for. */
  changed(): Promise<RuntimeStart>;
  /** Whether its state changed since it was asked. */
  hasChanged(): boolean;
  close(): Promise<void>;
}

/** Starts a process of an adapter with this module; it is closed with the test. */
export async function startHostile(module: string, options: HostileOptions = {}): Promise<HostileAdapter> {
  const packages = await useAdapterPackages();
  const { manifest: more, files, ...runtimeOptions } = options;
  const hmsSync = { manifest: 1, id: 'lab', protocols: [1], ...more };
  const folder = await packages.add('adapter-lab', {
    files: { 'index.js': module, ...files },
    packageJson: { hmsSync },
  });
  const manifest = await readManifest('adapter-lab', packages.folder);
  const records: LogRecord[] = [];
  const writer = (level: keyof AdapterLog) => (message: string, fields?: LogFields) => {
    records.push({ level, message, fields });
  };
  const log = { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
  const runtime = createProcessRuntime({
    ...{ manifest, config: {}, log, hubVersion: '0.0.0' },
    // Tests are not to wait for what a broken adapter waits for.
    restart: { baseMs: 50, capMs: 50 },
    ...runtimeOptions,
  });
  onTestFinished(() => runtime.close());
  const changes: RuntimeStart[] = [];
  let onChange = () => {};
  const start = await runtime.start((change) => {
    changes.push(change);
    onChange();
  });
  return {
    folder,
    start,
    records,
    deliver: (attempt = {}, signal = never()) => runtime.deliver(attemptOf(attempt), signal),
    check: () => runtime.check(),
    changed: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      onChange = resolve;
      if (changes.length === 0) await promise;
      return changes.shift() as RuntimeStart;
    },
    hasChanged: () => changes.length > 0,
    close: () => runtime.close(),
  };
}

/** An adapter that does this when it gets an event with the key `harm`, and delivers every other. */
export const harmful = (body: string, before = '') =>
  adapter(`push: async (event, context) => { if (event.key === 'harm') { ${body} } return 'well'; }`, before);

/** An event that sets the harm off. */
export const harm: Partial<DeliveryAttempt> = { event: { ...attemptOf().event, key: 'harm' } };

/** Whether it was started again and delivers. */
export async function expectRecovery(hostile: HostileAdapter): Promise<void> {
  expect(await hostile.changed()).toMatchObject({ kind: 'ready' });
  expect(await hostile.deliver()).toEqual({ kind: 'delivered', receipt: 'well' });
}
