import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderError, makePrivateFolder, requirePrivate } from '../files/private-folder.ts';
import { syncPath } from '../files/replace-file.ts';
import {
  CHAIN_START,
  type ChainEnd,
  checkpointText,
  endOf,
  headText,
  isSealed,
  readHead,
  readLine,
  seal,
  signEnd,
} from './audit-chain.ts';
import { auditFolder, dayFile, dayOf, daysOf, HEAD_FILE, type LogEnd, linesOf, readHeadText } from './audit-files.ts';
import { type AuditKeys, hasAuditKeys, hashedName, makeAuditKeys, readAuditKeys } from './audit-keys.ts';
import { type AuditPage, type AuditQuery, listAudit } from './audit-list.ts';
import { type AuditEntry, AuditError } from './audit-record.ts';
import { type AuditReport, verifyAudit } from './verify-audit.ts';

/** A cut end shows from the last checkpoint that somebody else keeps. */
const CHECKPOINT_RECORDS = 1_000;
const CHECKPOINT_MS = 60_000;
const DAY_MS = 86_400_000;
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/** What is done to a file of the log; a test has one whose disk is full. */
export type AuditFile = Pick<FileHandle, 'appendFile' | 'datasync' | 'truncate' | 'close'>;

export interface AuditLogOptions {
  /** The data folder, which exists, is private, and is locked by this hub. */
  readonly dataDir: string;
  /** Named in each record. */
  readonly hub: string;
  /** Days of records older than this are deleted. */
  readonly keepDays: number;
  readonly wallMs: () => number;
  /** Called with each checkpoint once it is on disk, for the hub's log. */
  readonly onCheckpoint: (checkpoint: string) => void;
  /** Called when records can no longer be written, when they can again, and with what is wrong with the files. */
  readonly onTrouble: (problem: string) => void;
  /** Default: on the disk. */
  readonly openFile?: (path: string) => Promise<AuditFile>;
}

interface Waiting {
  readonly entry: AuditEntry;
  readonly timeMs: number;
  readonly resolve: (seq: number) => void;
  readonly reject: (error: AuditError) => void;
}

/**
 * Who asked for which change, whether it was allowed, and what came of it: lines of JSON in a file a day, each chained to
 * the one before. A record is on disk once its call resolves. Records that come while one is written share the next write
 * and its fsync; nothing of it holds up the event loop.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #folder: string;
  readonly #keys: AuditKeys;
  readonly #head: FileHandle;
  readonly #minute: NodeJS.Timeout;
  #end: LogEnd;
  #file: AuditFile | undefined;
  /** The file may hold more than is whole: of a write that failed, or of a hub that was killed. */
  #isTorn = false;
  #sinceCheckpoint = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #deleting: Promise<void> = Promise.resolve();
  #verifying: Promise<AuditReport> | undefined;
  /** Why records cannot be written; empty while they can. */
  #failure = '';
  /** Why old days are still there; empty when none is past its time. */
  #undeleted = '';
  /** What was wrong with the files when this hub found them. */
  readonly #damage: readonly string[];
  #isClosed = false;

  private constructor(options: AuditLogOptions, keys: AuditKeys, { head, found }: { head: FileHandle; found: Found }) {
    this.#options = options;
    this.#folder = auditFolder(options.dataDir);
    this.#keys = keys;
    this.#head = head;
    this.#end = found.end;
    this.#isTorn = found.tornBytes > 0;
    this.#sinceCheckpoint = found.sinceCheckpoint;
    this.#damage = found.problems;
    this.#minute = setInterval(() => this.#checkpoint(), CHECKPOINT_MS).unref();
  }

  /**
   * Opens the log of a data folder, or begins it. What a hub that was killed left unfinished is cut off, and recorded; a
   * log that lost its end goes on after what it lost, so that {@link verify} keeps finding the gap.
   *
   * @throws {FolderError}
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const folder = auditFolder(options.dataDir);
    makePrivateFolder(folder);
    const days = await daysOf(folder);
    requirePrivate(folder, ['key', HEAD_FILE, ...days.map(dayFile)]);
    const isNew = !hasAuditKeys(folder);
    if (isNew && days.length > 0) readAuditKeys(folder);
    const keys = isNew ? await makeAuditKeys(folder) : readAuditKeys(folder);
    const found = await findEnd(folder, { keys, days });
    const head = await open(
      join(folder, HEAD_FILE),
      constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW,
      0o600,
    );
    await head.write(headText(keys, found.end), 0);
    await head.datasync();
    await syncPath(folder);
    const log = new AuditLog(options, keys, { head, found });
    const { end, tornBytes, problems } = found;
    for (const problem of problems) options.onTrouble(problem);
    // Of a log that cannot be written now, the next record finds out.
    const note = (entry: AuditEntry) => void log.record(entry).catch(() => undefined);
    if (problems.length > 0) note({ event: 'damage', problems });
    if (tornBytes > 0 && end.day !== undefined) note({ event: 'torn', file: dayFile(end.day), bytes: tornBytes });
    log.#deleteOld();
    return log;
  }

  /**
   * Appends a record.
   *
   * @returns its `seq`, once it is on disk
   * @throws {AuditError} it is not in the log
   */
  record(entry: AuditEntry): Promise<number> {
    if (this.#isClosed) return Promise.reject(new AuditError('the audit log is closed'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, timeMs: this.#options.wallMs(), resolve, reject });
      this.#writing ??= this.#writeWaiting();
    });
  }

  /** What is not well, a sentence each, while it is so. */
  get warnings(): readonly string[] {
    return [...this.#damage, this.#failure, this.#undeleted].filter((warning) => warning !== '');
  }

  /** What stands for the key of an event in a record. */
  hashedKey(key: string): string {
    return hashedName(this.#keys, key);
  }

  /** Records that match, as they are on disk, oldest first. */
  list(query: AuditQuery): Promise<AuditPage> {
    return listAudit(this.#folder, query, this.#end);
  }

  /**
   * Reads all of the log; whoever asks meanwhile shares the answer.
   *
   * @param checkpoint of the hub's log: the record that it names must be there
   */
  verify(checkpoint = ''): Promise<AuditReport> {
    if (checkpoint !== '') return verifyAudit(this.#folder, this.#keys, { end: this.#end, checkpoint });
    this.#verifying ??= verifyAudit(this.#folder, this.#keys, { end: this.#end }).finally(() => {
      this.#verifying = undefined;
    });
    return this.#verifying;
  }

  /** Writes what waits, with a last checkpoint, and closes the files. */
  async close(): Promise<void> {
    clearInterval(this.#minute);
    this.#checkpoint();
    this.#isClosed = true;
    await this.#writing;
    await this.#deleting;
    await this.#file?.close().catch(() => undefined);
    await this.#head.close();
  }

  #checkpoint(): void {
    // One that failed tries whether there is room again, though nobody asks for a change.
    const isDue = this.#sinceCheckpoint > 0 || (this.#failure !== '' && this.#end.seq > 0);
    // Of a log that cannot be written, the next record tries again.
    if (isDue) this.record({ event: 'checkpoint' }).catch(() => undefined);
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      // A file has the records of its day alone; a clock that goes back stays in the last file.
      const day = this.#dayFor(this.#waiting[0]?.timeMs ?? 0);
      const later = this.#waiting.findIndex(({ timeMs }) => this.#dayFor(timeMs) > day);
      const group = this.#waiting.splice(0, later === -1 ? this.#waiting.length : later);
      try {
        await this.#write(group, day);
      } catch (cause) {
        this.#fail(group, cause);
      }
    }
    this.#writing = undefined;
  }

  #dayFor(timeMs: number): string {
    const day = dayOf(timeMs);
    return this.#end.day !== undefined && day < this.#end.day ? this.#end.day : day;
  }

  async #write(group: readonly Waiting[], day: string): Promise<void> {
    const { day: lastDay } = this.#end;
    if (this.#isTorn) await this.#cutTorn();
    const isNewDay = day !== lastDay;
    if (isNewDay) await this.#beginDay(day);
    const file = await this.#openFile(day);
    const lines = new SealedLines(this.#options.hub, this.#keys, {
      end: this.#end,
      sinceCheckpoint: this.#sinceCheckpoint,
    });
    const seqs = group.map(({ entry, timeMs }) => lines.add(entry, timeMs));
    const bytes = Buffer.from(lines.text);
    this.#isTorn = true;
    await file.appendFile(bytes);
    await file.datasync();
    this.#isTorn = false;
    this.#end = { ...lines.end, day, bytes: this.#end.bytes + bytes.length };
    this.#sinceCheckpoint = lines.sinceCheckpoint;
    // Not synced: after a power cut it may be older than the log, and never newer. What is in it is replaced in place, so
    // that a full disk has room for it.
    await this.#head.write(headText(this.#keys, lines.end), 0).catch(() => undefined);
    if (this.#failure !== '') this.#options.onTrouble('the audit log is written again');
    this.#failure = '';
    for (const [index, { resolve }] of group.entries()) resolve(seqs[index] ?? 0);
    for (const checkpoint of lines.checkpoints) this.#options.onCheckpoint(checkpoint);
    if (isNewDay && lastDay !== undefined) this.#deleteOld();
  }

  async #cutTorn(): Promise<void> {
    const { day, bytes } = this.#end;
    if (day === undefined) return;
    const file = await this.#openFile(day);
    await file.truncate(bytes);
    await file.datasync();
    this.#isTorn = false;
  }

  async #beginDay(day: string): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    await this.#openFile(day);
    await syncPath(this.#folder);
    this.#end = { ...this.#end, day, bytes: 0 };
  }

  async #openFile(day: string): Promise<AuditFile> {
    const { openFile = openOnDisk } = this.#options;
    this.#file ??= await openFile(join(this.#folder, dayFile(day)));
    return this.#file;
  }

  #fail(group: readonly Waiting[], cause: unknown): void {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOSPC' ? 'no space is left on its disk' : code;
    const error = new AuditError(`the audit log cannot be written (${why}): ${this.#folder}`, { cause });
    for (const { reject } of group) reject(error);
    if (this.#failure === '') this.#options.onTrouble(error.message);
    this.#failure = error.message;
  }

  #deleteOld(): void {
    this.#deleting = this.#deleting
      .then(() => this.#deletePastDays())
      .then(
        () => {
          this.#undeleted = '';
        },
        (error: unknown) => {
          if (this.#isClosed) return;
          const why = error instanceof Error ? error.message : String(error);
          this.#undeleted = `old days of the audit log could not be deleted: ${why}`;
          this.#options.onTrouble(this.#undeleted);
        },
      );
  }

  /** Deletes the days that are past their time, each after a record of it. */
  async #deletePastDays(): Promise<void> {
    const days = await daysOf(this.#folder);
    // By the day before the last, so that a clock that jumps ahead deletes nothing on its first day.
    const before = days.at(-2);
    if (before === undefined) return;
    const oldest = dayOf(Date.parse(before) - this.#options.keepDays * DAY_MS);
    for (const [index, day] of days.entries()) {
      const next = days[index + 1];
      if (day >= oldest || next === undefined) return;
      await this.#delete(day, next);
    }
  }

  async #delete(day: string, next: string): Promise<void> {
    const first = await firstLine(join(this.#folder, dayFile(next)));
    const line = first && readLine(first);
    if (line === undefined || !isSealed(this.#keys, line)) {
      throw new AuditError(`${dayFile(next)} is damaged; verify the log: hms-sync audit verify`);
    }
    const file = dayFile(day);
    await this.record({ event: 'deleted', file, through: line.seq - 1, hash: line.prev });
    await rm(join(this.#folder, file));
    await syncPath(this.#folder);
  }
}

/** Lines that follow the end of a log, with the checkpoints that are due among them. */
class SealedLines {
  text = '';
  readonly checkpoints: string[] = [];
  #end: ChainEnd;
  #sinceCheckpoint: number;
  readonly #hub: string;
  readonly #keys: AuditKeys;

  constructor(
    hub: string,
    keys: AuditKeys,
    { end, sinceCheckpoint }: { readonly end: ChainEnd; readonly sinceCheckpoint: number },
  ) {
    this.#hub = hub;
    this.#keys = keys;
    this.#end = end;
    this.#sinceCheckpoint = sinceCheckpoint;
  }

  get end(): ChainEnd {
    return this.#end;
  }

  get sinceCheckpoint(): number {
    return this.#sinceCheckpoint;
  }

  /** @returns its `seq` */
  add(entry: AuditEntry, timeMs: number): number {
    const before = this.#end;
    const isCheckpoint = entry.event === 'checkpoint';
    const signature = isCheckpoint ? signEnd(this.#keys, before) : '';
    const sealed = isCheckpoint ? { ...entry, signature } : entry;
    const line = seal(sealed, timeMs, { hub: this.#hub, end: before, keys: this.#keys });
    const seq = before.seq + 1;
    this.#end = endOf(seq, line);
    this.text += `${line}\n`;
    this.#sinceCheckpoint = isCheckpoint ? 0 : this.#sinceCheckpoint + 1;
    if (isCheckpoint) this.checkpoints.push(checkpointText(before, signature));
    if (this.#sinceCheckpoint >= CHECKPOINT_RECORDS) this.add({ event: 'checkpoint' }, timeMs);
    return seq;
  }
}

interface Found {
  readonly end: LogEnd;
  /** After the last whole line. */
  readonly tornBytes: number;
  readonly sinceCheckpoint: number;
  readonly problems: readonly string[];
}

/** Where the log of a hub that ended is to be continued. @throws {FolderError} */
async function findEnd(folder: string, { keys, days }: { keys: AuditKeys; days: readonly string[] }): Promise<Found> {
  const head = readHead(keys, await readHeadText(folder));
  const problems: string[] = [];
  if (head === undefined && days.length > 0) {
    problems.push(`audit/${HEAD_FILE} is missing or damaged; whether the end of the audit log was cut is unknown`);
  }
  const newest = days.at(-1);
  const file = newest === undefined ? NO_FILE : await lastOf(join(folder, dayFile(newest)));
  const { bytes, tornBytes } = file;
  let chained: ChainEnd | undefined = CHAIN_START;
  let { sinceCheckpoint } = file;
  for (const day of [...days].reverse()) {
    const path = join(folder, dayFile(day));
    const last = day === newest ? file : await lastOf(path);
    // Its first record never came whole.
    if (last.raw === undefined) continue;
    const line = readLine(last.raw);
    const isOurs = line !== undefined && isSealed(keys, line);
    if (!isOurs) problems.push(`${path} does not end with a record of this log: see hms-sync audit verify`);
    chained = isOurs ? endOf(line.seq, last.raw) : head;
    ({ sinceCheckpoint } = last);
    break;
  }
  if (chained === undefined) {
    throw new FolderError(
      `the audit log cannot be continued: ${problems.join('; ')}. Restore it, or move the folder ${folder} away.`,
    );
  }
  const isCut = head !== undefined && head.seq > chained.seq;
  if (isCut) problems.push(`the records ${chained.seq + 1} to ${head.seq} of the audit log are missing at its end`);
  return { end: { ...(isCut ? head : chained), day: newest, bytes }, tornBytes, sinceCheckpoint, problems };
}

interface LastLine {
  /** The last whole line; undefined without one. */
  readonly raw: Buffer | undefined;
  /** Up to the end of that line. */
  readonly bytes: number;
  /** After it. */
  readonly tornBytes: number;
  readonly sinceCheckpoint: number;
}

const NO_FILE: LastLine = { raw: undefined, bytes: 0, tornBytes: 0, sinceCheckpoint: 0 };

async function lastOf(path: string): Promise<LastLine> {
  let last = NO_FILE;
  for await (const { bytes, start, end, isWhole } of linesOf(path)) {
    if (!isWhole) return { ...last, tornBytes: end - start };
    const sinceCheckpoint = bytes.includes('"event":"checkpoint"') ? 0 : last.sinceCheckpoint + 1;
    last = { raw: bytes, bytes: end, tornBytes: 0, sinceCheckpoint };
  }
  return last;
}

async function firstLine(path: string): Promise<Buffer | undefined> {
  for await (const { bytes } of linesOf(path)) return bytes;
  return undefined;
}

function openOnDisk(path: string): Promise<FileHandle> {
  return open(path, APPEND, 0o600);
}
