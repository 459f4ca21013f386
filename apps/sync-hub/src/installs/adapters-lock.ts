import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { JsonError, NESTING_MAX, readJson } from '@hms-sync/proto/json';
import { z } from 'zod';
import { ADAPTER_ID } from '../core/adapter-id.ts';
import { replaceFile } from '../files/replace-file.ts';
import { InstallError } from './install-error.ts';

/**
 * The adapter's own part of a configuration: any names with any values, for the adapter to judge. Not `z.record`, which
 * leaves a name such as `__proto__` out without a word.
 */
export const adapterConfig = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be names with values',
);

const integrity = z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/);

const lockedVersion = z.strictObject({
  version: z.string().min(1),
  /** Of the tarball's bytes, as npm writes it. */
  integrity,
  /** Of all that was installed, dependencies among it. */
  tree: integrity,
  /** What was asked for. */
  from: z.string(),
  installedAt: z.iso.datetime(),
});

const lockedAdapter = z.strictObject({
  package: z.string().min(1),
  current: lockedVersion,
  /** What a rollback goes back to. */
  previous: lockedVersion.optional(),
  /** Of an adapter that was added while the hub ran: its part of the configuration, secrets by reference. Absent: the
   * configuration file names the adapter. */
  config: adapterConfig.optional(),
});

const lockFile = z.strictObject({
  lockVersion: z.literal(1),
  adapters: z.record(z.string().regex(ADAPTER_ID), lockedAdapter),
  /** Of `adapters`, as JSON without spaces: a flipped byte in a configuration or an id would else load. */
  integrity,
});

/** One version as it was installed. */
export type LockedVersion = Readonly<z.infer<typeof lockedVersion>>;

/** An adapter of the store, and the versions of it that may load. */
export type LockedAdapter = Readonly<z.infer<typeof lockedAdapter>>;

/**
 * `adapters.lock`: what loads, by the adapters' ids. It is replaced as a whole, so that whoever reads it, also after a
 * crash at any instant, finds all of one state.
 */
export class AdaptersLock {
  readonly #path: string;
  #adapters: ReadonlyMap<string, LockedAdapter>;
  #saving: Promise<unknown> = Promise.resolve();

  private constructor(path: string, adapters: ReadonlyMap<string, LockedAdapter>) {
    this.#path = path;
    this.#adapters = adapters;
  }

  /** Without a file there is nothing in it. @throws {InstallError} LOCK_FAILED */
  static async read(path: string): Promise<AdaptersLock> {
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw unreadable(path, `cannot be read (${error.code})`);
    });
    if (bytes === undefined) return new AdaptersLock(path, new Map());
    const content = asJson(path, bytes);
    const parsed = lockFile.safeParse(content);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw unreadable(path, `is wrong at ${issue?.path.join('.')}: ${issue?.message}`);
    }
    // Of what was read and not of what was parsed, whose members may be in another order.
    if (integrityOf((content as z.infer<typeof lockFile>).adapters) !== parsed.data.integrity)
      throw unreadable(path, 'is not as the hub wrote it');
    return new AdaptersLock(path, new Map(Object.entries(parsed.data.adapters)));
  }

  get(id: string): LockedAdapter | undefined {
    return this.#adapters.get(id);
  }

  /** In alphabetical order of the ids. */
  [Symbol.iterator](): Iterator<[id: string, adapter: LockedAdapter]> {
    return [...this.#adapters].sort(([a], [b]) => (a < b ? -1 : 1))[Symbol.iterator]();
  }

  /** On disk once it resolves; undefined takes the adapter away. @throws {InstallError} LOCK_FAILED, and nothing changed */
  async set(id: string, adapter: LockedAdapter | undefined): Promise<void> {
    const saving = this.#saving.then(async () => {
      const adapters = new Map(this.#adapters);
      if (adapter === undefined) adapters.delete(id);
      else adapters.set(id, adapter);
      await replaceFile(this.#path, toText(adapters)).catch(unwritten(this.#path));
      this.#adapters = adapters;
    });
    this.#saving = saving.catch(() => undefined);
    await saving;
  }
}

function toText(adapters: ReadonlyMap<string, LockedAdapter>): string {
  const sorted = Object.fromEntries([...adapters].sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ lockVersion: 1, adapters: sorted, integrity: integrityOf(sorted) }, null, 2)}\n`;
}

function integrityOf(adapters: Readonly<Record<string, unknown>>): string {
  return `sha512-${hash('sha512', JSON.stringify(adapters), 'base64')}`;
}

function unwritten(path: string): (error: NodeJS.ErrnoException) => never {
  return ({ code }) => {
    throw new InstallError('LOCK_FAILED', `${path} cannot be written (${code}); nothing was changed`);
  };
}

/** The configurations in it may be as deep as they may, and lie three levels deep themselves. */
const LOCK_NESTING_MAX = NESTING_MAX + 3;

function asJson(path: string, bytes: Uint8Array): unknown {
  try {
    return readJson(bytes, { nestingMax: LOCK_NESTING_MAX }).value;
  } catch (error) {
    throw error instanceof JsonError ? unreadable(path, error.message) : error;
  }
}

function unreadable(path: string, what: string): InstallError {
  return new InstallError(
    'LOCK_FAILED',
    `${path} ${what}; put a copy of it back, or remove it and add the adapters again`,
  );
}
