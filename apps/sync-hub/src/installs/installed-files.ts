import { cp, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFiles } from './file-list.ts';

/** What adapters were installed as: `<data>/adapters/`, for whoever copies it while the hub runs. */
export class InstalledFiles {
  readonly #folder: string;

  /** @param folder it need not be there */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Changes whenever what loads does. Empty when nothing was ever installed. */
  async state(): Promise<string> {
    return readFile(join(this.#folder, 'adapters.lock'), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
  }

  /**
   * Copies the lock and every version that it names to a folder that does not exist yet. The copy is whole when
   * {@link state} was the same before and after.
   */
  async copyTo(target: string): Promise<void> {
    // What is being made lies beside the versions, and so does the next lock.
    const isInstalled = (path: string) => dirname(path) !== this.#folder || !/^\.new-|\.new$/.test(basename(path));
    await cp(this.#folder, target, { recursive: true, verbatimSymlinks: true, filter: isInstalled });
    await syncFiles(target);
  }
}
