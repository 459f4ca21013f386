import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderError, makePrivateFolder, syncFolder } from '../files/private-folder.ts';
import type { BackupResult, Journal } from '../journal/journal.ts';

/** A backup's name: a folder's, in the folder of the backups. So it names nothing elsewhere, and nothing hidden. */
export const BACKUP_NAME = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
export const BACKUP_NAME_RULE =
  'must be the name of a new backup, not a path: 1 to 100 characters of A-Z, a-z, 0-9, ".", "_" and "-", a letter or digit ' +
  'first, such as 2026-01-31. It is made in the folder of the backups: backups.folder in hms-sync.yaml, ' +
  'by default <dataDir>/backups';

/** Adapters are changed by operators; a few backups in a row never meet such a change. */
const ATTEMPTS = 3;

export interface BackupsOptions {
  /** Where backups are made; it is made when it is needed. */
  readonly folder: string;
  readonly journal: Pick<Journal, 'backup'>;
  /** The packages of the adapters that the hub installed, and the lock that names them. */
  readonly installed: {
    /** Changes whenever they do; empty when nothing was ever installed. */
    state(): Promise<string>;
    copyTo(folder: string): Promise<void>;
  };
}

/**
 * Copies all that a running hub needs to go on: its journal and the adapters that it installed, as they were at one time.
 * A backup is a data folder: a hub starts on a copy of it.
 */
export class Backups {
  readonly #options: BackupsOptions;
  /** One after the other. */
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: BackupsOptions) {
    this.#options = options;
  }

  /** @param name as {@link BACKUP_NAME} has it */
  make(name: string): Promise<BackupResult> {
    const making = this.#running.then(() => this.#make(name));
    this.#running = making.catch(() => undefined);
    return making;
  }

  async #make(name: string): Promise<BackupResult> {
    if (!BACKUP_NAME.test(name)) return rejected(`"${name}" ${BACKUP_NAME_RULE}.`);
    const { folder } = this.#options;
    const path = join(folder, name);
    // Nobody asks for a name that begins with a dot.
    const partial = join(folder, `.${name}.partial`);
    try {
      makePrivateFolder(folder);
      if (isThere(path)) return rejected(`${path} is there already. Choose another name.`);
      const problem = await this.#copyTo(partial);
      if (problem !== undefined) return rejected(problem);
      await rename(partial, path);
      syncFolder(folder);
      return { kind: 'done', path, sizeBytes: sizeOf(path) };
    } catch (error) {
      if (error instanceof FolderError) return rejected(error.message);
      if (!(error instanceof Error && 'code' in error && 'syscall' in error)) throw error;
      return rejected(`${path} could not be written (${error.message}). Check the folder and its disk's room.`);
    } finally {
      await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Why there is no copy; undefined when there is. */
  async #copyTo(partial: string): Promise<string | undefined> {
    const { journal, installed } = this.#options;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      // Of a hub that was killed in the middle of a backup, or of the attempt before.
      await rm(partial, { recursive: true, force: true });
      await mkdir(partial, { mode: 0o700 });
      const before = await installed.state();
      const copied = await journal.backup(join(partial, 'journal.db'));
      if (copied.kind === 'rejected') return copied.reason;
      const isWhole = before === '' || (await this.#copyInstalled(join(partial, 'adapters')));
      syncFolder(partial);
      if (isWhole && before === (await installed.state())) return undefined;
    }
    return 'Adapters are being added, replaced or removed. Make the backup when that is over.';
  }

  /** False when files went away under it. */
  async #copyInstalled(target: string): Promise<boolean> {
    return this.#options.installed.copyTo(target).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false;
        throw error;
      },
    );
  }
}

function rejected(reason: string): BackupResult {
  return { kind: 'rejected', reason };
}

/** A link that leads nowhere is there too. */
function isThere(path: string): boolean {
  return existsSync(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + lstatSync(join(parentPath, name)).size, 0);
}
