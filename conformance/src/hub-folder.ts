import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ending } from './child.ts';
import { Hub, type HubOptions, runHub } from './hub.ts';

/** What hms-sync.yaml may hold, as docs/operate.md lists it. `unknown`: some tests write what is wrong on purpose. */
export type HubConfig = Readonly<Record<string, unknown>>;

export interface HubFolderOptions {
  readonly config: HubConfig;
  readonly env?: Readonly<Record<string, string>>;
}

const packages = fileURLToPath(new URL('../fixtures/packages', import.meta.url));

const adapterSdk = fileURLToPath(new URL('../../packages/adapter-sdk', import.meta.url));

/** A temporary folder with a configuration and a data folder, in which one hub after the other can run. */
export class HubFolder {
  readonly path: string;
  readonly #options: HubFolderOptions;
  readonly #hubs: Hub[] = [];
  #authFlags: readonly string[] = [];

  private constructor(path: string, options: HubFolderOptions) {
    this.path = path;
    this.#options = options;
  }

  static async create(options: HubFolderOptions): Promise<HubFolder> {
    const folder = new HubFolder(await mkdtemp(join(tmpdir(), 'hms-sync-conformance-')), options);
    await folder.configure(options.config);
    return folder;
  }

  /** What the journal has on disk: it differs when anything was written. */
  async journalDigest(): Promise<string> {
    const hash = createHash('sha256');
    for (const name of ['journal.db', 'journal.db-wal']) {
      hash.update(await readFile(join(this.path, '.hms-sync', name)).catch(() => ''));
    }
    return hash.digest('hex');
  }

  get configFile(): string {
    return join(this.path, 'hms-sync.yaml');
  }

  /** Replaces the configuration. JSON is YAML too; a text is written as it is. */
  async configure(config: HubConfig | string): Promise<void> {
    const whole = { listen: '127.0.0.1:0', auth: 'none', ...(typeof config !== 'string' && config) };
    // Callers of these tests have no credentials; those of access.test.ts and src/access/ have.
    this.#authFlags = typeof config !== 'string' && whole.auth === 'none' ? ['--i-accept-no-authentication'] : [];
    const text = typeof config === 'string' ? config : JSON.stringify(whole, null, 2);
    await writeFile(this.configFile, text);
  }

  /** Puts a package of fixtures/packages where npm would have installed it. */
  async install(packageName: string): Promise<void> {
    const modules = join(this.path, 'node_modules');
    await mkdir(modules, { recursive: true });
    await cp(join(packages, packageName), join(modules, packageName), { recursive: true });
    // The one dependency that an adapter may have.
    const sdk = join(modules, '@hms-sync', 'adapter-sdk');
    await mkdir(dirname(sdk), { recursive: true });
    await symlink(adapterSdk, sdk).catch(unlessItExists);
  }

  /** Starts a hub that should become ready. */
  async start(
    env: Readonly<Record<string, string>> = {},
    { flags = [], ...limits }: Pick<HubOptions, 'openFilesMax'> & { readonly flags?: readonly string[] } = {},
  ): Promise<Hub> {
    const args = ['--config', this.configFile, ...this.#authFlags, ...flags];
    const hub = await Hub.start({ args, env: { ...this.#options.env, ...env }, ...limits });
    this.#hubs.push(hub);
    return hub;
  }

  /** Runs a hub that should end by itself. */
  run(...flags: readonly string[]): Promise<Ending> {
    return runHub({ args: ['--config', this.configFile, ...this.#authFlags, ...flags], env: this.#options.env ?? {} });
  }

  /** Ends every hub that still runs. */
  async endHubs(): Promise<void> {
    await Promise.all(this.#hubs.splice(0).map((hub) => hub.kill()));
  }

  /** Ends what still runs and leaves nothing behind. */
  async remove(): Promise<void> {
    await this.endHubs();
    await rm(this.path, { recursive: true, force: true });
  }
}

function unlessItExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
