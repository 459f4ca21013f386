import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type AdapterFilesOptions, adapterFiles } from './adapter-files.ts';

export { type AdapterFilesOptions, adapterFiles } from './adapter-files.ts';
export { type AdapterName, adapterName, NameError } from './adapter-name.ts';

/** The folder is not empty, or cannot be written. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
}

/** A new git repository counts as empty. */
const IGNORED_NAMES = new Set(['.git']);
const NAMED_MAX = 3;

/**
 * Writes a new adapter into an empty or new folder. Nothing is ever overwritten.
 *
 * @returns the paths of the new files, relative to the folder
 * @throws FolderError when the folder is not empty, or cannot be written
 */
export async function createAdapter(folder: string, options: AdapterFilesOptions): Promise<readonly string[]> {
  await mustBeEmpty(folder);
  const files = await adapterFiles(options);
  try {
    for (const [path, text] of files) {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { flag: 'wx' });
    }
  } catch (cause) {
    throw new FolderError(`cannot write into ${folder} (${codeOf(cause)}); choose another with --dir`, { cause });
  }
  return [...files.keys()];
}

async function mustBeEmpty(folder: string): Promise<void> {
  let found: readonly string[];
  try {
    found = (await readdir(folder)).filter((name) => !IGNORED_NAMES.has(name));
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return;
    const why = codeOf(cause) === 'ENOTDIR' ? 'is a file' : `cannot be read (${codeOf(cause)})`;
    throw new FolderError(`${folder} ${why}; choose another with --dir`, { cause });
  }
  if (found.length === 0) return;
  const named = found.slice(0, NAMED_MAX).join(', ') + (found.length > NAMED_MAX ? ', …' : '');
  throw new FolderError(`${folder} is not empty (${named}); choose another with --dir`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
