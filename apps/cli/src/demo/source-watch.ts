import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Collects changes: an editor may write a file in several steps, or save several files at once. */
const QUIET_MS = 150;

/** Folders of installed and built files. */
const IGNORED = new Set(['node_modules', 'dist']);

function isSource(file: string): boolean {
  return /\.(?:[cm]?[jt]s|json|pem)$/.test(file) && !/\.test\.[cm]?[jt]s$/.test(file);
}

/** A watch of the sources of a package. */
export interface SourceWatch {
  /** Resolves to the file that changed first, when no more change follows for a moment. */
  readonly changed: Promise<string>;
  close(): void;
}

/** Watches the files of a package, except tests, `node_modules` and `dist`. */
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
  // A removed folder ends its watch; the hub reports the consequences.
  for (const watcher of watchers) watcher.on('error', () => watcher.close());
  return {
    changed: promise,
    close: () => {
      clearTimeout(quiet);
      for (const watcher of watchers) watcher.close();
    },
  };
}
