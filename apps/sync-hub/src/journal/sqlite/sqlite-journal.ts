import { channel } from 'node:diagnostics_channel';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { threadEntry } from '../../files/thread-entry.ts';
import type { Call } from '../calls.ts';
import { JournalClient, type Transport } from '../client.ts';
import { exitWithoutClosing } from '../integrity/preserve-files.ts';
import type { BackupResult, Journal } from '../journal.ts';
import { JournalError } from '../journal-error.ts';
import { type FromThread, packCalls, type ThreadOptions, type ToThread } from './thread-messages.ts';

export interface SqliteJournalOptions {
  /** Where journal.db is, or is to be made, with the folder, for this user alone. On a local disk. */
  readonly folder: string;
  /** With less than this free on the disk new events are refused as `full`; default: when it is full. */
  readonly reserveBytes?: number;
  /** Makes an empty one in a folder whose journal was lost; without it that is refused. */
  readonly newJournal?: boolean;
}

/**
 * 24 MiB is a semi-space of 8. What the thread allocates lives for one group; by default V8 would let this grow to 192
 * MiB under load and keep it. Groups take the same time with it.
 */
const YOUNG_GENERATION_MAX_MB = 24;

/**
 * Opens the journal of one hub on one disk: SQLite in a thread of its own, which commits in groups. When its session
 * ends by an error, the process is to end too: whether the last commit is on the disk, only the next start can say.
 *
 * @throws {JournalError} UNWRITABLE, IN_USE, UNREADABLE, UNSAFE, or FAILED when the thread did not start
 */
export async function openSqliteJournal(options: SqliteJournalOptions): Promise<Journal> {
  const { folder, reserveBytes = 0, newJournal = false } = options;
  const thread = new JournalThread({ folder: resolve(folder), reserveBytes, newJournal });
  const { info, receivers } = await thread.opened;
  const client = new JournalClient({ info, receivers, transport: thread });
  thread.reportTo(client);
  return client.journal;
}

/** For whoever measures, such as `npm run bench -- --trace`; they cost nothing while nobody subscribes. */
const requested = channel('hms-sync:journal-requested');
const answered = channel('hms-sync:journal-answered');

type Opened = Extract<FromThread, { kind: 'opened' }>;

/** This thread's end of the journal thread. Sends what was submitted in one turn of the event loop as one message. */
class JournalThread implements Transport {
  readonly opened: Promise<Opened>;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #backups: PromiseWithResolvers<BackupResult>[] = [];
  #gathered: Call[] = [];
  #isTurnPending = false;
  #isClosing = false;
  #client: JournalClient | undefined;

  constructor(options: ThreadOptions) {
    this.#worker = new Worker(threadEntry('journal-thread', import.meta.url), {
      name: 'journal',
      workerData: options,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MAX_MB },
    });
    const { promise, resolve: opened, reject } = Promise.withResolvers<Opened>();
    this.opened = promise;
    let death: JournalError | undefined;
    this.#worker.on('message', (message: FromThread) => {
      if (message.kind === 'opened') opened(message);
      else if (message.kind === 'rejected') {
        death = new JournalError(message.code, message.message, { cause: message.cause });
      } else this.#hear(message);
    });
    this.#worker.once('error', (cause) => {
      death = new JournalError('FAILED', `The journal thread died: ${cause.message}`, { cause });
    });
    // Reported at the exit, not before: only then is the thread's hold on the files gone too.
    this.#exited = new Promise((resolveExit) => {
      this.#worker.once('exit', (exitCode) => {
        const error = death ?? new JournalError('FAILED', `The journal thread ended by itself with code ${exitCode}.`);
        reject(error);
        for (const backup of this.#backups.splice(0)) backup.reject(error);
        if (!this.#isClosing || death !== undefined) this.#client?.failed(error);
        resolveExit();
      });
    });
  }

  /** To be called before the first call. */
  reportTo(client: JournalClient): void {
    this.#client = client;
  }

  submit(call: Call): void {
    this.#gathered.push(call);
    if (requested.hasSubscribers) requested.publish(call);
    if (this.#isTurnPending) return;
    this.#isTurnPending = true;
    setImmediate(() => this.#send());
  }

  backup(targetPath: string): Promise<BackupResult> {
    // Behind all that was submitted before.
    this.#send();
    this.#post({ kind: 'backup', targetPath });
    const backup = Promise.withResolvers<BackupResult>();
    this.#backups.push(backup);
    return backup.promise;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#send();
    this.#post({ kind: 'close' });
    await this.#exited;
  }

  #send(): void {
    this.#isTurnPending = false;
    if (this.#gathered.length === 0) return;
    const packed = packCalls(this.#gathered);
    this.#gathered = [];
    this.#post({ kind: 'calls', ...packed }, [packed.bytes.buffer]);
  }

  #post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #hear(message: Extract<FromThread, { kind: 'committed' | 'backedUp' | 'failed' }>): void {
    if (message.kind === 'committed') {
      if (answered.hasSubscribers) answered.publish(message.report);
      this.#client?.committed(message.report);
    } else if (message.kind === 'backedUp') this.#backups.shift()?.resolve(message.result);
    else {
      exitWithoutClosing();
      this.#client?.failed(new JournalError(message.code, message.message, { cause: message.cause }));
    }
  }
}
