import { type BigIntStats, closeSync, fstatSync, openSync, readlinkSync, statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../journal-error.ts';

type Identity = Pick<BigIntStats, 'dev' | 'ino'>;
type Change = 'gone' | 'replaced';

/**
 * Whether the files that SQLite has open are still those at the journal's path. A file that is deleted or moved away is
 * written on as if nothing happened, and what was acknowledged is gone with the process, or is not where the next start
 * looks for it.
 */
export class OpenFiles {
  readonly #database: DatabaseSync;
  readonly #path: string;
  /** Kept open until the database is closed: to close it earlier would let go of SQLite's locks on the file. */
  readonly #descriptor: number;
  readonly #file: Identity;
  /** Undefined until there is one. */
  #log: Identity | undefined;

  constructor({ database, path }: { readonly database: DatabaseSync; readonly path: string }) {
    this.#database = database;
    this.#path = path;
    this.#descriptor = openSync(path, 'r');
    this.#file = fstatSync(this.#descriptor, { bigint: true });
    this.#log = look(this.#logPath);
  }

  /** To be called before a commit is reported, and now and then. @throws {JournalError} FAILED */
  requireInPlace(): void {
    const lost = this.lost();
    if (lost !== undefined) throw lost;
  }

  /** What happened to them; undefined when they are in place. */
  lost(): JournalError | undefined {
    const file = changeOf(this.#path, this.#file);
    if (file !== undefined) return new JournalError('FAILED', this.#lost(file));
    this.#log ??= look(this.#logPath);
    const log = this.#log && changeOf(this.#logPath, this.#log);
    return log && new JournalError('FAILED', this.#lostLog(log));
  }

  /** After the database. */
  close(): void {
    closeSync(this.#descriptor);
  }

  get #logPath(): string {
    return `${this.#path}-wal`;
  }

  #lost(change: Change): string {
    const { nlink } = fstatSync(this.#descriptor, { bigint: true });
    const what = change === 'gone' ? '' : ', and another file was put in its place';
    if (nlink === 0n) {
      return (
        `The journal ${this.#path} was deleted while the hub ran${what}. All that was in it is lost, what was acknowledged ` +
        'too, unless a backup has it: restore the newest one, and have publishers publish again what they published since.'
      );
    }
    return (
      `The journal ${this.#path} was moved away while the hub ran${what}${this.#whereNow()}. Nothing that was acknowledged ` +
      'is lost: put it back with its -wal and -end files, then start the hub again.'
    );
  }

  /** What the log held is still there for whoever has it open: this process. */
  #lostLog(change: Change): string {
    const what = change === 'gone' ? 'was deleted or moved away' : 'was replaced by another file';
    const { log, checkpointed, busy } = this.#database.prepare('PRAGMA wal_checkpoint(FULL)').get() ?? {};
    const isMoved = busy === 0 && log === checkpointed;
    const rest = isMoved
      ? 'What it held was moved into the journal. Nothing that was acknowledged is lost: start the hub again.'
      : 'What was acknowledged last may be lost: restore the file, or have publishers publish again.';
    return `The journal's log ${this.#logPath} ${what} while the hub ran. ${rest}`;
  }

  /** Where Linux says that the file is. */
  #whereNow(): string {
    try {
      return `: it is now ${readlinkSync(`/proc/self/fd/${this.#descriptor}`)}`;
    } catch {
      return '';
    }
  }
}

/** Undefined when it is the same file, or when nobody can say: a folder that may not be read is not a lost file. */
function changeOf(path: string, known: Identity): Change | undefined {
  try {
    const found = statSync(path, { bigint: true });
    return found.ino === known.ino && found.dev === known.dev ? undefined : 'replaced';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'gone' : undefined;
  }
}

function look(path: string): Identity | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}
