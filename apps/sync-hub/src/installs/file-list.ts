import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import { syncPath } from '../files/replace-file.ts';
import { threadEntry } from '../files/thread-entry.ts';
import type { FileListAnswer } from './file-list-thread.ts';

/**
 * All that is in a folder: one line for each file, `<sha512> <path>`, and for each link, `link:<target> <path>`, in the
 * order of the paths. Empty folders do not count: Node does not see them either.
 */
export type FileList = string;

/** Enough to keep the disk busy, few enough open files. */
const PARALLEL = 16;

/** Something of a folder cannot be read. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';

  constructor({ path, code }: { readonly path: string; readonly code: string }) {
    super(`${path} cannot be read (${code})`);
  }
}

/** Reads all of a folder, in a thread of its own. @throws {UnreadableError} */
export async function listFiles(folder: string): Promise<FileList> {
  const { promise, resolve, reject } = Promise.withResolvers<FileListAnswer>();
  const worker = new Worker(threadEntry('file-list-thread', import.meta.url), {
    name: 'file-list',
    workerData: folder,
  });
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', (code) => reject(new Error(`the thread that lists ${folder} ended with ${code}`)));
  const answer = await promise;
  if (answer.kind === 'unreadable') throw new UnreadableError(answer);
  return answer.list;
}

/** Puts all files of a folder on disk. What was renamed before its bytes were there would be empty after a power cut. */
export async function syncFiles(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const left = entries.filter((entry) => entry.isFile()).values();
  const work = async () => {
    for (const { parentPath, name } of left) await syncPath(join(parentPath, name));
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}

/** One digest for the whole list, and so for the whole folder. */
export function digestOfList(list: FileList): string {
  return `sha512-${hash('sha512', list, 'base64')}`;
}

/** As npm writes it: `sha512-<base64>`. @throws NodeJS.ErrnoException */
export async function digestOfFile(path: string): Promise<string> {
  const digest = createHash('sha512');
  await pipeline(createReadStream(path), digest);
  return `sha512-${digest.digest('base64')}`;
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
