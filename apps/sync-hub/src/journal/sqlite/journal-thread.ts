import { channel } from 'node:diagnostics_channel';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Call, CommitReport } from '../calls.ts';
import { requireIntactRows } from '../integrity/check-rows.ts';
import { backUp } from '../integrity/copy-journal.ts';
import { CommitHighWaterMark, markPath, readHighWater } from '../integrity/high-water-mark.ts';
import { preserveWal } from '../integrity/preserve-files.ts';
import type { PruneResult } from '../journal.ts';
import { Checkpoint } from './checkpoint.ts';
import { type OpenedDatabase, openDatabase } from './database.ts';
import { failure, openError } from './database-error.ts';
import { fileDisk } from './disk.ts';
import { OpenFiles } from './open-files.ts';
import { Store } from './store.ts';
import { type FromThread, type ThreadOptions, type ToThread, unpackCalls } from './thread-messages.ts';

// The entry of the journal's thread: the one user of SQLite in the hub. While a commit runs, nothing else can; what
// arrives meanwhile goes into the next one, so groups grow with the load by themselves.

/**
 * The bounds of one transaction. Past a thousand calls the fsync's share of each is small (see journal.bench.ts);
 * a larger group would only let its first call wait longer for its last.
 */
const GROUP_CALLS = 4_096;
const GROUP_PAYLOAD_BYTES = 4 * 1024 * 1024;

/** Between two steps of the check of all rows: nobody notices it then, and it is through with a million events within a day. */
const CHECK_PAUSE_MS = 100;

/** How long the loss of a file may go unnoticed while nothing is written. */
const FILES_CHECK_MS = 1_000;

/** For whoever measures, such as `npm run bench -- --trace`; they cost nothing while nobody subscribes. */
const groupBegun = channel('hms-sync:journal-group-begun');
const groupOnDisk = channel('hms-sync:journal-group-on-disk');

interface OpenedJournal extends OpenedDatabase {
  readonly id: string;
  readonly highWaterMark: CommitHighWaterMark;
  readonly store: Store;
  readonly checkpoint: Checkpoint;
  readonly files: OpenFiles;
}

if (parentPort === null) throw new Error('journal-thread is the entry of a worker thread, started by sqlite-journal');
start(parentPort, workerData as ThreadOptions);

function start(port: MessagePort, options: ThreadOptions): void {
  try {
    const journal = openJournal(options);
    serve(port, journal);
    const { id, path, store } = journal;
    const info = { id, location: `sqlite:${path}`, positions: store.positions };
    post(port, { kind: 'opened', info, receivers: store.receivers });
  } catch (error) {
    const { code, message, cause } = openError(options.folder, error);
    post(port, { kind: 'rejected', code, message, cause: plain(cause) });
    port.close();
  }
}

function openJournal({ folder, reserveBytes, newJournal }: ThreadOptions): OpenedJournal {
  const opened = openDatabase(folder, { newJournal });
  try {
    // Preparing their statements is the check that all tables, columns and indexes are there.
    const store = new Store(opened.database, fileDisk(opened.path, reserveBytes));
    const { id } = readHighWater(opened.database);
    const highWaterMark = new CommitHighWaterMark(markPath(opened.path));
    const checkpoint = new Checkpoint(opened.database);
    return { ...opened, id, store, highWaterMark, checkpoint, files: new OpenFiles(opened) };
  } catch (error) {
    preserveWal(opened.path);
    opened.database.close();
    throw openError(opened.path, error);
  }
}

function serve(port: MessagePort, journal: OpenedJournal): void {
  const waiting: Call[] = [];
  let isClosing = false;

  // One after the other, and each copies beside the commits.
  let backups: Promise<void> = Promise.resolve();
  let isBackingUp = false;
  const backUpTo = async (targetPath: string) => {
    isBackingUp = true;
    post(port, { kind: 'backedUp', result: await backUp(journal.database, targetPath) });
    isBackingUp = false;
  };

  const handle = (message: ToThread): void => {
    if (message.kind === 'close') isClosing = true;
    else if (message.kind === 'backup') backups = backups.then(() => backUpTo(message.targetPath));
    else for (const call of unpackCalls(message)) waiting.push(call);
  };

  const receiveAll = (): void => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      handle(next.message);
    }
  };

  const commitWaiting = (): void => {
    for (receiveAll(); waiting.length > 0; receiveAll()) {
      const calls = waiting.splice(0, groupSize(waiting));
      if (groupBegun.hasSubscribers) groupBegun.publish(calls);
      const report = journal.store.run(calls);
      if (groupOnDisk.hasSubscribers) groupOnDisk.publish(calls);
      journal.files.requireInPlace();
      journal.highWaterMark.advance({ id: journal.id, ...journal.store.highWater });
      post(port, { kind: 'committed', report });
      if (endsRound(calls, report)) journal.checkpoint.truncate();
      else journal.checkpoint.runWhenDue();
      // The copy goes on in this thread's turns: without a pause, a steady load would never let it end.
      if (isBackingUp && waiting.length > 0) {
        setImmediate(commitOrFail);
        return;
      }
    }
    if (isClosing && journal.database.isOpen) {
      journal.database.close();
      journal.files.close();
      journal.highWaterMark.close();
    }
  };

  let hasFailed = false;
  const orFail = (work: () => void): void => {
    try {
      // After a failure nothing is touched: neither another commit nor a checkpoint may hide what went wrong.
      if (!hasFailed) work();
    } catch (error) {
      hasFailed = true;
      // A file that is gone makes SQLite fail too, which does not know how much is lost.
      const { code, message: text, cause } = journal.files.lost() ?? failure(journal.path, error);
      post(port, { kind: 'failed', code, message: text, cause: plain(cause) });
    }
  };

  const commitOrFail = (): void => {
    orFail(commitWaiting);
    if (isClosing && (hasFailed || waiting.length === 0)) port.close();
  };

  const check = requireIntactRows(journal.database);
  const checkOn = (): void =>
    orFail(() => {
      if (!isClosing && check.next().done !== true) setTimeout(checkOn, CHECK_PAUSE_MS).unref();
    });
  setTimeout(checkOn, CHECK_PAUSE_MS).unref();

  // Also while nobody publishes.
  setInterval(() => orFail(() => isClosing || journal.files.requireInPlace()), FILES_CHECK_MS).unref();

  port.on('message', (message: ToThread) => {
    handle(message);
    commitOrFail();
  });
}

/** How many of the waiting calls go into one transaction: at least one. */
function groupSize(waiting: readonly Call[]): number {
  let payloadBytes = 0;
  for (const [count, call] of waiting.entries()) {
    if (call.name === 'accept') payloadBytes += call.request.event.data.byteLength;
    if (count > 0 && (count === GROUP_CALLS || payloadBytes > GROUP_PAYLOAD_BYTES)) return count;
  }
  return waiting.length;
}

/** A round of retention is over: what it deleted is to be gone from the log too. */
function endsRound(calls: readonly Call[], { answers }: CommitReport): boolean {
  return calls.some(({ name }, place) => name === 'prune' && (answers[place] as PruneResult).next === undefined);
}

function post(port: MessagePort, message: FromThread): void {
  port.postMessage(message);
}

/** A cause that can be cloned to the other thread whatever it is. */
function plain(cause: unknown): unknown {
  return cause instanceof Error ? new Error(cause.message) : undefined;
}
