import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** An empty folder, until the test ends. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-create-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** What `npm install` would put beside a new adapter, from this workspace. */
export async function linkDependencies(folder: string): Promise<void> {
  const links = {
    '@hms-sync/adapter-sdk': 'packages/adapter-sdk',
    '@types/node': 'node_modules/@types/node',
  };
  for (const [name, target] of Object.entries(links)) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(repository, target), link);
  }
}
