import { closeSync, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { shellWord } from './shell-word.ts';

/** A folder of the hub that somebody else may read or change. The message says which, why, and the command that helps. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
}

const GROUP_AND_OTHERS = 0o077;
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_OTHERS = 0o002;
const STICKY = 0o1000;

/**
 * Checks that a folder, and what is named in it, belongs to this user and is closed to everybody else, and that nobody
 * else can put another folder in its place. What does not exist is not checked. Does nothing where files have no modes
 * (Windows).
 *
 * @param names files and folders in it, by their paths from it
 * @throws {FolderError}
 */
export function requirePrivate(folderName: string, names: readonly string[] = []): void {
  const folder = resolve(folderName);
  requireSafeParents(folder);
  if (!existsSync(folder)) return;
  // A link to a folder is the folder: whoever made it could have named that.
  requireOwn(realpathSync(folder));
  for (const name of names) requireOwn(join(folder, name));
}

/**
 * Checks that nobody else can rename or replace a path: no folder above it may be writable by others, unless its sticky
 * bit keeps them from what is not theirs, as in /tmp. A group that this process belongs to is trusted with folders above.
 *
 * @throws {FolderError}
 */
export function requireSafeParents(path: string): void {
  if (process.getgroups === undefined) return;
  const groups = new Set([...process.getgroups(), process.getegid?.()]);
  const real = realOf(resolve(path));
  for (const parent of new Set([...parentsOf(resolve(path)), ...parentsOf(real)])) {
    const stats = statsOf(parent);
    if (stats === undefined || !stats.isDirectory() || (stats.mode & STICKY) !== 0) continue;
    const byOthers = (stats.mode & WRITABLE_BY_OTHERS) !== 0;
    const byGroup = (stats.mode & WRITABLE_BY_GROUP) !== 0 && !groups.has(stats.gid);
    if (!byOthers && !byGroup) continue;
    throw new FolderError(
      `${parent} (mode ${octal(stats)}) is writable by ${byOthers ? 'every user' : `group ${stats.gid}`}, who can ` +
        `replace ${path} in it. Run: chmod ${byOthers ? 'o-w' : 'g-w'} ${shellWord(parent)}  (or chmod +t, as /tmp has it)`,
    );
  }
}

/** Makes a folder for this user alone, with those above it, unless it exists, and checks it. @throws {FolderError} */
export function makePrivateFolder(folder: string): void {
  makeFolder(resolve(folder));
  requirePrivate(folder);
}

/** Makes durable which files a folder has. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Folder by folder: mkdir's own `recursive` never returns below /proc (Node 24). */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
  // A file's entry is made durable by whoever writes it; the folder's own entry is up to us.
  syncFolder(dirname(folder));
}

function requireOwn(path: string): void {
  const stats = statsOf(path);
  const userId = process.geteuid?.();
  if (stats === undefined || userId === undefined) return;
  if (!stats.isDirectory() && !stats.isFile()) {
    throw new FolderError(`${path} is neither a file nor a folder. Move it away, or name another data folder.`);
  }
  if (stats.uid !== userId) {
    throw new FolderError(
      `${path} belongs to user ${stats.uid}, and the hub runs as user ${userId}. ` +
        `Run: chown ${userId} ${shellWord(path)}  (or run the hub as its owner)`,
    );
  }
  if ((stats.mode & GROUP_AND_OTHERS) === 0) return;
  const right = stats.isDirectory() ? '700' : '600';
  throw new FolderError(
    `${path} is open to other users (mode ${octal(stats)}): it is for the hub alone. Run: chmod ${right} ${shellWord(path)}`,
  );
}

/** Undefined when it does not exist, or cannot be reached; whoever opens it then says why. */
function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

/** Where the existing part of a path leads to. */
function realOf(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  return dirname(path) === path ? path : join(realOf(dirname(path)), path.slice(dirname(path).length));
}

function parentsOf(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...parentsOf(parent)];
}

function octal({ mode }: Stats): string {
  return `0${(mode & 0o7777).toString(8)}`;
}
