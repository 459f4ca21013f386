import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** An editor writes a file in several steps, and an author saves several files at once. */
const QUIET_MS = 150;

/** Folders in which changes are nobody's work: what was installed, what is built from the sources. */
const IGNORED = new Set(['node_modules', 'dist']);
function isSource(file: string): boolean {
  return /\.(?:[cm]?[jt]s|json|pem)$/.test(file) && !/\.test\.[cm]?[jt]s$/.test(file);
}

/** Waits for a change in the sources of a package. */
export interface SourceWatch {
  /** Resolves to the file that changed first, once nothing has changed for a moment. */
  readonly changed: Promise<string>;
  close(): void;
}

/** Watches the files of a package and of its folders; not its tests, `node_modules` or `dist`. */
export async function watchSources(folder: string): Promise<SourceWatch> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let first: string | undefined;
  let quiet: NodeJS.Timeout | undefined;
  const onChange = (file: string) => {
    if (!isSource(file)) return;
    first ??= file;
    const named = first;
    clearTimeout(quiet);
    quiet = setTimeout(() => resolve(named), QUIET_MS);
  };
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries.filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.') && !IGNORED.has(entry.name),
  );
  const watchers: FSWatcher[] = [watch(folder, (_event, name) => onChange(name ?? ''))];
  for (const { name } of folders) {
    watchers.push(watch(join(folder, name), { recursive: true }, (_event, inner) => onChange(join(name, inner ?? ''))));
  }
  // A folder that is taken away ends its watch; the hub reports what then happens.
  for (const watcher of watchers) watcher.on('error', () => watcher.close());
  return {
    changed: promise,
    close: () => {
      clearTimeout(quiet);
      for (const watcher of watchers) watcher.close();
    },
  };
}
