import { writeFile } from 'node:fs/promises';
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
 * Somebody who never met us and writes an adapter for the stand-in of billing. It sends the stand-in what it got
 * itself, so that the stand-in's calls are a ledger of the deliveries.
 */
export class LabAuthor {
  readonly #registry: LocalRegistry;
  readonly #folder: string;

  private constructor(registry: LocalRegistry, folder: string) {
    this.#registry = registry;
    this.#folder = folder;
  }

  /** `npm create @hms-sync/adapter`, and a body of its own in what that made. */
  static async begin(registry: LocalRegistry, folder: string): Promise<LabAuthor> {
    await registry.npm(
      ['create', '--yes', '@hms-sync/adapter', '@clinic/lab', '--', '--dir', 'lab', '--no-install'],
      folder,
    );
    const author = new LabAuthor(registry, join(folder, 'lab'));
    await writeFile(join(author.#folder, 'src', 'adapter.ts'), LEDGER_ADAPTER);
    await registry.npm(['install'], author.#folder);
    return author;
  }

  /** Sets the version, builds and publishes it. */
  async publish(version: string): Promise<void> {
    await this.#registry.npm(['version', version, '--no-git-tag-version', '--allow-same-version'], this.#folder);
    await this.#registry.npm(['publish', '--access', 'public'], this.#folder);
  }
}

const LEDGER_ADAPTER = `import { webhookAdapter } from '@hms-sync/adapter-sdk/webhook';

export default webhookAdapter({
  path: '/billing-sync',
  delivery: { concurrency: 64 },
  body: ({ type, id, key }, { attempt, redelivered, adapter }) =>
    JSON.stringify({ type, id, key, attempt, redelivered, version: adapter.version }),
});
`;
