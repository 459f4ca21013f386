import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LocalRegistry } from './local-registry.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What an author needs of the workspace, and what that needs. They have been built. */
const PACKAGES = [
  'proto',
  'packages/adapter-sdk',
  'packages/adapter-billing',
  'packages/adapter-records',
  'packages/adapter-scheduling',
  'packages/create-adapter',
  'apps/sandbox',
  'apps/sync-hub',
  'apps/cli',
];

/** Publishes the packages of the workspace as a release would. */
export async function publishWorkspace(registry: LocalRegistry, folder: string): Promise<void> {
  for (const name of PACKAGES) {
    await registry.npm(['publish', join(root, name), '--ignore-scripts', '--access', 'public'], folder);
  }
}

/**
 * Somebody who never met us and writes an adapter for the stand-in of billing. It tells the stand-in what it was told
 * itself, so that the stand-in's calls are a ledger of the deliveries.
 */
export class LabAuthor {
  readonly #registry: LocalRegistry;
  readonly #folder: string;

  private constructor(registry: LocalRegistry, folder: string) {
    this.#registry = registry;
    this.#folder = folder;
  }

  /** `npm create @hms-sync/adapter`, and an own push in what that made. */
  static async begin(registry: LocalRegistry, folder: string): Promise<LabAuthor> {
    await registry.npm(
      ['create', '--yes', '@hms-sync/adapter', '@clinic/lab', '--', '--dir', 'lab', '--no-install'],
      folder,
    );
    const author = new LabAuthor(registry, join(folder, 'lab'));
    const path = join(author.#folder, 'src', 'adapter.ts');
    const text = await readFile(path, 'utf8');
    const push = /push: \(event, context\) => \{[\s\S]*?\n {2}\},/;
    if (!push.test(text)) throw new Error('the new adapter has no push to write');
    await writeFile(path, text.replace(push, LEDGER_PUSH).replace(/^import \{ changeRequest \}.*\n/m, ''));
    await registry.npm(['install'], author.#folder);
    return author;
  }

  /** Sets the version, builds and publishes it. */
  async publish(version: string): Promise<void> {
    await this.#registry.npm(['version', version, '--no-git-tag-version', '--allow-same-version'], this.#folder);
    await this.#registry.npm(['publish', '--access', 'public'], this.#folder);
  }
}

const LEDGER_PUSH = `delivery: { concurrency: 64 },
  push: (event, context) => {
    const { attempt, redelivered, adapter, resource } = context;
    const told = { type: event.type, id: event.id, key: event.key, attempt, redelivered, version: adapter.version };
    return resource.post('/billing-sync', new TextEncoder().encode(JSON.stringify(told)), context);
  },`;
