import { constants, createWriteStream, type Stats } from 'node:fs';
import { lstat, open, readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** npm packs none of it, and one of a checkout holds a hundred thousand files. */
const NOT_PACKED = new Set(['node_modules', '.git']);
/** A folder with more in it is not the folder of one package. */
const ENTRIES_MAX = 20_000;

/** What a path of the hub's machine is. Undefined: nothing, or nothing that may be read. */
export async function kindOfPath(path: string): Promise<'file' | 'folder' | 'other' | undefined> {
  return kindOf(await stat(path).catch(() => undefined));
}

/**
 * Why a folder is not a package that npm can pack; undefined when it is. npm opens what it finds there: a pipe would be
 * waited for.
 */
export async function faultOfFolder(folder: string): Promise<string | undefined> {
  const folders = [folder];
  let count = 0;
  for (const path of folders) {
    const entries = await readdir(path, { withFileTypes: true });
    count += entries.length;
    if (count > ENTRIES_MAX) return `has more than ${ENTRIES_MAX} files; name the folder of one package`;
    for (const entry of entries.filter(({ name }) => !NOT_PACKED.has(name))) {
      const full = join(path, entry.name);
      // A link is followed, as npm does, and one to nothing or to a folder is left alone.
      const kind = entry.isSymbolicLink() ? kindOf(await stat(full).catch(() => undefined)) : kindOf(entry);
      if (kind === 'other')
        return `has something in it that is not a file: ${relative(folder, full)} is not a regular file`;
      if (entry.isDirectory()) folders.push(full);
    }
  }
  const packageJson = await lstat(join(folder, 'package.json')).catch(() => undefined);
  if (packageJson === undefined) return 'has no package.json: it is not the folder of a package';
  return packageJson.isDirectory() ? 'is not the folder of a package: package.json is not a regular file' : undefined;
}

/** Copies a regular file, for at most some time. @throws Error for what is another kind of file by now */
export async function copyRegularFile(from: string, to: string, timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  // A pipe would else be waited for before anyone can see that it is one.
  const file = await open(from, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('it is not a regular file');
    await pipeline(file.createReadStream({ autoClose: false }), createWriteStream(to, { mode: 0o600 }), { signal });
  } finally {
    await file.close();
  }
}

function kindOf(found: Pick<Stats, 'isFile' | 'isDirectory'> | undefined) {
  if (found === undefined) return undefined;
  if (found.isDirectory()) return 'folder';
  return found.isFile() ? 'file' : 'other';
}
