import { readdir, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Manifest } from '../manifest.ts';

/**
 * The flags of Node's permission model for an adapter that declares permissions; none for one that does not. Beside what
 * it declares it may read its own packages: its folder, every node_modules on the way up from it and from the SDK, and
 * what these link to.
 */
export async function permissionFlags(manifest: Manifest, program: string): Promise<readonly string[]> {
  const { permissions, folder } = manifest;
  if (permissions === undefined) return [];
  const homes = [folder, await realpath(folder), dirname(program), dirname(await realpath(program))];
  const shelves = [...new Set(homes.flatMap(nodeModulesAbove))];
  const linked = await Promise.all(shelves.map(linksIn));
  const readable = [folder, await realpath(folder), sdkFolder(program), sdkFolder(await realpath(program))];
  const read = [...readable, ...shelves, ...linked.flat(), ...manifestsAbove(homes)];
  const from = (path: string) => resolve(folder, path);
  return [
    '--permission',
    // Since Node 25 the network is restricted too, except with this flag, which an older one does not know.
    ...(process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : []),
    ...[...new Set([...read, ...permissions.fsRead.map(from)])].map((path) => `--allow-fs-read=${path}`),
    ...permissions.fsWrite.map((path) => `--allow-fs-write=${from(path)}`),
    ...(permissions.childProcess ? ['--allow-child-process'] : []),
    ...(permissions.worker ? ['--allow-worker'] : []),
    ...(permissions.addons ? ['--allow-addons'] : []),
  ];
}

function sdkFolder(program: string): string {
  // <sdk>/dist/serve/process.js, or src.
  return dirname(dirname(dirname(program)));
}

function foldersAbove(folder: string): readonly string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...foldersAbove(parent)];
}

function nodeModulesAbove(folder: string): readonly string[] {
  return foldersAbove(folder).map((above) => join(above, 'node_modules'));
}

/** Node looks for the package that a file belongs to on the way up from it. */
function manifestsAbove(folders: readonly string[]): readonly string[] {
  return folders.flatMap(foldersAbove).map((above) => join(above, 'package.json'));
}

/** Where the symbolic links of a node_modules point to: npm links the packages of a workspace, pnpm links all. */
async function linksIn(shelf: string): Promise<readonly string[]> {
  const entries = await readdir(shelf, { withFileTypes: true }).catch(() => []);
  const nested = await Promise.all(
    entries.map(async (entry) => {
      const path = join(shelf, entry.name);
      if (entry.isSymbolicLink()) return [await realpath(path).catch(() => path)];
      return entry.isDirectory() && entry.name.startsWith('@') ? linksIn(path) : [];
    }),
  );
  return nested.flat();
}
