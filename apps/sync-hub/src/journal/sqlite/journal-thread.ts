import { channel } from 'node:diagnostics_channel';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { JournalError } from '../journal.ts';
import type { JournalAnswer, JournalRequest } from '../request.ts';
import type { PruneResult } from '../retention.ts';
import { backUp } from './backup.ts';
import { Checkpoint } from './checkpoint.ts';
import { type OpenedDatabase, openDatabase } from './database.ts';
import { failure, openError } from './database-error.ts';
import { EndMark, markPath, missing } from './end-mark.ts';
import { GroupCommit } from './group-commit.ts';
import { keepLog } from './keep-log.ts';
import { OpenFiles } from './open-files.ts';
import { checkPages } from './page-check.ts';
import { Scrub } from './scrub.ts';
import { type FromThread, type ThreadOptions, type ToThread, unpackRequests } from './thread-messages.ts';

// The entry of the journal's thread: the one user of SQLite in the hub. While a commit runs, nothing else can; what
// arrives meanwhile goes into the next one, so groups grow with the load by themselves.

/**
 * The bounds of one transaction. Past a thousand requests the fsync's share of each is small (see journal.bench.ts);
 * a larger group would only let its first request wait longer for its last.
 */
const GROUP_REQUESTS = 4_096;
const GROUP_PAYLOAD_BYTES = 4 * 1024 * 1024;

/** Between two steps of the scrub: nobody notices it then, and it is through with a million events within a day. */
const SCRUB_PAUSE_MS = 100;

/** How long the loss of a file may go unnoticed while nothing is written. */
const FILES_CHECK_MS = 1_000;

/** For whoever measures, such as `npm run bench -- --trace`; they cost nothing while nobody subscribes. */
const groupBegun = channel('hms-sync:journal-group-begun');
const groupOnDisk = channel('hms-sync:journal-group-on-disk');

interface OpenedJournal extends OpenedDatabase {
  readonly id: string;
  readonly endMark: EndMark;
  readonly group: GroupCommit;
  readonly checkpoint: Checkpoint;
  readonly files: OpenFiles;
}

if (parentPort === null) throw new Error('journal-thread is the entry of a worker thread, started by sqlite-journal');
start(parentPort, workerData as ThreadOptions);

function start(port: MessagePort, options: ThreadOptions): void {
  try {
    const journal = openJournal(options);
    serve(port, journal);
    post(port, { kind: 'opened', info: journalInfo(journal) });
  } catch (error) {
    const { code, message, cause } = openError(options.folder, error);
    post(port, { kind: 'refused', code, message, cause: plain(cause) });
    port.close();
  }
}

function openJournal({ folder, reserveBytes, newJournal }: ThreadOptions): OpenedJournal {
  const opened = openDatabase(folder, { newJournal });
  try {
    // Preparing their statements is the check that all tables, columns and indexes are there.
    const group = new GroupCommit({ ...opened, reserveBytes });
    const id = journalId(opened);
    const mark = markPath(opened.path);
    const lost = missing(opened.path, EndMark.read(mark), { id, ...endOf(group) });
    if (lost !== undefined) throw new JournalError('UNREADABLE', lost);
    checkPages(opened.database);
    group.checkNewest();
    const checkpoint = new Checkpoint(opened.database);
    return { ...opened, id, group, endMark: new EndMark(mark), checkpoint, files: new OpenFiles(opened) };
  } catch (error) {
    // Closing moves the log into the database and deletes it, though something in it may be the last of its kind.
    keepLog(opened.path);
    opened.database.close();
    throw openError(opened.path, error);
  }
}

function journalId({ database, path }: OpenedDatabase): string {
  const row = database.prepare('SELECT id FROM journal').get();
  if (row !== undefined) return String(row.id);
  throw new JournalError('UNREADABLE', `The journal ${path} has lost its id. Restore it from a backup.`);
}

function endOf({ lastSeq, lastCursor }: GroupCommit) {
  return { lastSeq, lastCursor };
}

function journalInfo({ id, path, group }: OpenedJournal) {
  return { id, location: `sqlite:${path}`, ...endOf(group) };
}

function serve(port: MessagePort, journal: OpenedJournal): void {
  const waiting: JournalRequest[] = [];
  let isClosing = false;

  // One after the other, and each copies beside the commits.
  let backups: Promise<void> = Promise.resolve();
  let isBackingUp = false;
  const backUpTo = async (targetPath: string) => {
    isBackingUp = true;
    post(port, { kind: 'backedUp', result: await backUp(journal.database, targetPath) });
    isBackingUp = false;
  };

  const take = (message: ToThread): void => {
    if (message.kind === 'close') isClosing = true;
    else if (message.kind === 'backup') backups = backups.then(() => backUpTo(message.targetPath));
    else for (const request of unpackRequests(message)) waiting.push(request);
  };

  const takeAllThatArrived = (): void => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      take(next.message);
    }
  };

  const commitWaiting = (): void => {
    for (takeAllThatArrived(); waiting.length > 0; takeAllThatArrived()) {
      const requests = waiting.splice(0, groupSize(waiting));
      if (groupBegun.hasSubscribers) groupBegun.publish(requests);
      const answers = journal.group.run(requests);
      if (groupOnDisk.hasSubscribers) groupOnDisk.publish(requests);
      journal.files.requireInPlace();
      journal.endMark.advance({ id: journal.id, ...endOf(journal.group) });
      post(port, { kind: 'answers', answers });
      if (endsRound(requests, answers)) journal.checkpoint.truncate();
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
      journal.endMark.close();
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

  const scrub = new Scrub(journal.database, journal.group);
  const scrubOn = (): void =>
    orFail(() => {
      if (!isClosing && scrub.step()) setTimeout(scrubOn, SCRUB_PAUSE_MS).unref();
    });
  setTimeout(scrubOn, SCRUB_PAUSE_MS).unref();

  // Also while nobody publishes.
  setInterval(() => orFail(() => isClosing || journal.files.requireInPlace()), FILES_CHECK_MS).unref();

  port.on('message', (message: ToThread) => {
    take(message);
    commitOrFail();
  });
}

/** How many of the waiting requests go into one transaction: at least one. */
function groupSize(waiting: readonly JournalRequest[]): number {
  let payloadBytes = 0;
  for (const [count, request] of waiting.entries()) {
    if (request.kind === 'accept') payloadBytes += request.accept.event.data.byteLength;
    if (count > 0 && (count === GROUP_REQUESTS || payloadBytes > GROUP_PAYLOAD_BYTES)) return count;
  }
  return waiting.length;
}

/** A round of retention is over: what it deleted is to be gone from the log too. */
function endsRound(requests: readonly JournalRequest[], answers: readonly JournalAnswer[]): boolean {
  return requests.some(({ kind }, place) => kind === 'prune' && (answers[place] as PruneResult).next === undefined);
}

function post(port: MessagePort, message: FromThread): void {
  port.postMessage(message);
}

/** A cause that can be cloned to the other thread whatever it is. */
function plain(cause: unknown): unknown {
  return cause instanceof Error ? new Error(cause.message) : undefined;
}
