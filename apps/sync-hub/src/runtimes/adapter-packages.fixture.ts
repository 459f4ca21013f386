import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** Packages as npm would have installed them, for tests that find and load adapters. */
export interface AdapterPackages {
  /** Where the configuration file would lie; its node_modules holds the packages. */
  readonly folder: string;
  /** Writes a package; returns its folder. */
  add(name: string, content: PackageContent): Promise<string>;
}

export interface PackageContent {
  /** Changes to a package.json that is as it should be; what is set to undefined is left out. */
  readonly packageJson?: Readonly<Record<string, unknown>>;
  /** Its files, by their paths; index.js is what "." exports unless packageJson says otherwise. */
  readonly files?: Readonly<Record<string, string>>;
}

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

/** What the packages may import. */
const LINKS = { '@hms-sync/adapter-sdk': 'packages/adapter-sdk', zod: 'node_modules/zod' };

/** Makes an empty folder with a node_modules for the running test. */
export async function useAdapterPackages(): Promise<AdapterPackages> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-adapters-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, target] of Object.entries(LINKS)) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(repository, target), link);
  }
  return {
    folder,
    async add(name, { packageJson = {}, files = {} }) {
      const place = join(folder, 'node_modules', name);
      const manifest = { manifest: 1, id: 'lab', protocols: [1] };
      const complete = {
        name,
        version: '1.2.3',
        type: 'module',
        hmsSync: manifest,
        exports: './index.js',
        ...packageJson,
      };
      for (const [path, text] of Object.entries({ 'package.json': JSON.stringify(complete), ...files })) {
        await mkdir(dirname(join(place, path)), { recursive: true });
        await writeFile(join(place, path), text);
      }
      return place;
    },
  };
}
