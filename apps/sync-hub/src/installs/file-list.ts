import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, open, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * All that is in a folder: one line for each file, `<sha512> <path>`, and for each link, `link:<target> <path>`, in the
 * order of the paths. Empty folders do not count: Node does not see them either.
 */
export type FileList = string;

/** Larger ones are hashed piece by piece, so that the hub's other work goes on meanwhile. */
const AT_ONCE_BYTES = 256 * 1024;
/** Enough to keep the disk busy, few enough open files. */
const PARALLEL = 16;

/** @throws NodeJS.ErrnoException when something cannot be read */
export async function listFiles(folder: string): Promise<FileList> {
  const lines = new Map<string, string>();
  const paths = await pathsIn(folder);
  await forEach(paths, async (path) => {
    lines.set(path, `${await digestOf(join(folder, path))} ${JSON.stringify(path)}\n`);
  });
  return paths.map((path) => lines.get(path)).join('');
}

/** Puts all files of a folder on disk. What was renamed before its bytes were there would be empty after a power cut. */
export async function syncFiles(folder: string): Promise<void> {
  await forEach(await pathsIn(folder), async (path) => {
    const full = join(folder, path);
    if ((await lstat(full)).isSymbolicLink()) return;
    const file = await open(full, 'r');
    await file.sync().finally(() => file.close());
  });
}

async function pathsIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
}

async function forEach(paths: readonly string[], perform: (path: string) => Promise<void>): Promise<void> {
  const left = paths[Symbol.iterator]();
  const work = async () => {
    for (const path of left) await perform(path);
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}

/** One digest for the whole list, and so for the whole folder. */
export function digestOfList(list: FileList): string {
  return `sha512-${hash('sha512', list, 'base64')}`;
}

/** As npm writes it: `sha512-<base64>`. @throws NodeJS.ErrnoException */
export async function digestOfFile(path: string): Promise<string> {
  return `sha512-${await sha512(path)}`;
}

/** The first path in which two lists differ, and how; undefined when they are the same. */
export function firstDifference(installed: FileList, found: FileList): string | undefined {
  if (installed === found) return undefined;
  const before = linesByPath(installed);
  const now = linesByPath(found);
  for (const [path, digest] of before) {
    if (!now.has(path)) return `${path} is missing`;
    if (now.get(path) !== digest) return `${path} was changed`;
  }
  const added = [...now.keys()].find((path) => !before.has(path));
  return added === undefined ? 'the list of its files was changed' : `${added} was added`;
}

function linesByPath(list: FileList): Map<string, string> {
  const lines = list.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      // The link's target may hold a space; the path, as JSON, begins with the last quote that nothing escapes.
      const at = line.indexOf(' "');
      return [at === -1 ? line : line.slice(at + 2, -1), line.slice(0, at)];
    }),
  );
}

async function digestOf(path: string): Promise<string> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) return `link:${JSON.stringify(await readlink(path))}`;
  // What may be run is part of what was installed.
  const mode = found.mode & 0o111 ? 'x' : '-';
  return `${mode}${await sha512(path, found.size)}`;
}

async function sha512(path: string, sizeBytes = Number.POSITIVE_INFINITY): Promise<string> {
  if (sizeBytes <= AT_ONCE_BYTES) return hash('sha512', await readFile(path), 'base64');
  const digest = createHash('sha512');
  await pipeline(createReadStream(path), digest);
  return digest.digest('base64');
}
