import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Sandbox, type SystemName, startSandbox } from '@hms-sync/sandbox';
import type { Hub } from '../src/hub.ts';
import { HubFolder } from '../src/hub-folder.ts';
import { whenAdaptersStarted } from '../src/stack.ts';
import type { BadAdapter } from './bad-adapters.ts';

/** The lanes that are to notice nothing. */
export const GOOD_LANES: readonly SystemName[] = ['records', 'billing'];
/** The lane of the bad adapter. */
export const BAD_LANE = 'hostile';
/** In the bad adapter's configuration; must appear nowhere. */
export const SECRET = 'hunter2-and-more';

/** A hub with two good adapters, whose systems keep a ledger of what they got, and one bad one. */
export class HostileStack {
  readonly sandbox: Sandbox;
  readonly #folder: HubFolder;
  readonly #bad: BadAdapter;

  private constructor(sandbox: Sandbox, folder: HubFolder, bad: BadAdapter) {
    this.sandbox = sandbox;
    this.#folder = folder;
    this.#bad = bad;
  }

  static async create(bad: BadAdapter): Promise<HostileStack> {
    const sandbox = await startSandbox();
    const good = GOOD_LANES.map((id) => ({ package: 'adapter-ledger', id, config: { baseUrl: sandbox.urls[id] } }));
    const hostile = {
      package: 'adapter-hostile',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the hub's own syntax
      config: { token: '${HOSTILE_TOKEN}' },
      delivery: { timeoutMs: 1_000 },
      retry: { baseMs: 20, capMs: 100, maxAttempts: 3 },
      breaker: { resetTimeoutMs: 200 },
    };
    const config = { adapters: [...good, hostile] };
    const folder = await HubFolder.create({ config, env: { HOSTILE_TOKEN: SECRET } });
    await folder.install('adapter-ledger');
    await folder.install('adapter-hostile');
    const stack = new HostileStack(sandbox, folder, bad);
    if (bad.when === 'start') await stack.fix();
    else await stack.spoil();
    return stack;
  }

  /** Starts a hub on the data of the one before. */
  async start(): Promise<Hub> {
    const hub = await this.#folder.start();
    await whenAdaptersStarted(hub);
    return hub;
  }

  /** The adapter does harm from now on; a wrong manifest, from the next start on. */
  async spoil(): Promise<void> {
    await rm(this.#path('well'), { force: true });
    await this.#setManifest({ entry: `./${this.#bad.name}`, ...this.#bad.manifest });
  }

  /** The adapter does none from now on. */
  async fix(): Promise<void> {
    await writeFile(this.#path('well'), '');
    const { entry = `./${this.#bad.name}` } = this.#bad.manifest ?? {};
    await this.#setManifest({ entry, protocols: [1] });
  }

  /** The processes that the adapter forked and that are still there. */
  async livingChildren(): Promise<readonly number[]> {
    const received = await readFile(this.#path('children'), 'utf8').catch(() => '');
    return received.split('\n').filter(Boolean).map(Number).filter(isAlive);
  }

  async close(): Promise<void> {
    await this.#folder.remove();
    await this.sandbox.close();
  }

  async #setManifest(changes: Readonly<Record<string, unknown>>): Promise<void> {
    const path = this.#path('package.json');
    const content = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...content, hmsSync: { ...content.hmsSync, ...changes } }));
  }

  #path(name: string): string {
    return join(this.#folder.path, 'node_modules', 'adapter-hostile', name);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
