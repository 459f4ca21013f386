import { join } from 'node:path';
import {
  CHAIN_START,
  type ChainEnd,
  endOf,
  isSealed,
  isSigned,
  readCheckpoint,
  readHead,
  readLine,
} from './audit-chain.ts';
import { dayFile, dayOf, daysOf, type FileLine, HEAD_FILE, type LogEnd, linesOf, readHeadText } from './audit-files.ts';
import type { AuditKeys } from './audit-keys.ts';

export interface AuditReport {
  /** How many records were read, up to the first fault. */
  readonly records: number;
  /** The last that was read. */
  readonly end: ChainEnd;
  /** The first fault and where it is; undefined: the log is whole. */
  readonly fault: AuditFault | undefined;
  /** What is no fault, for operators. */
  readonly notes: readonly string[];
}

export interface AuditFault {
  readonly file: string;
  /** Counted from 1; 0 for the file as a whole. */
  readonly line: number;
  readonly message: string;
}

/** "2026-11-28.jsonl:12: is not a record" */
export function faultText({ file, line, message }: AuditFault): string {
  return line === 0 ? `${file}: ${message}` : `${file}:${line}: ${message}`;
}

export interface VerifyOptions {
  /** How far the hub that writes the log has come; undefined: no hub writes it, and the file beside it says how far. */
  readonly end?: LogEnd;
  /** Of the hub's log: the record that it names must be there. */
  readonly checkpoint?: string;
}

/** Reads all of an audit log and finds the first place where it is not as the hub wrote it. Changes nothing. */
export async function verifyAudit(
  folder: string,
  keys: Pick<AuditKeys, 'mac' | 'verifying'>,
  options: VerifyOptions = {},
): Promise<AuditReport> {
  try {
    return await verifyFiles(folder, keys, options);
  } catch (error) {
    // A day that the hub deleted meanwhile.
    if (options.end === undefined || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return verifyFiles(folder, keys, options);
  }
}

async function verifyFiles(
  folder: string,
  keys: Pick<AuditKeys, 'mac' | 'verifying'>,
  { end: running, checkpoint = '' }: VerifyOptions,
): Promise<AuditReport> {
  const notes: string[] = [];
  const head = running ?? readHead(keys, await readHeadText(folder));
  const expected = checkpoint === '' ? undefined : readCheckpoint(keys, checkpoint);
  const chain = new Chain(keys, [head, expected]);
  const report = (fault: AuditFault | undefined): AuditReport => {
    const { records, end } = chain;
    return { records, end, fault, notes };
  };
  const days = await daysOf(folder);
  for (const day of days) {
    const file = dayFile(day);
    const isLast = day === days.at(-1);
    const to = day === running?.day ? running.bytes : Number.POSITIVE_INFINITY;
    let number = 0;
    for await (const line of linesOf(join(folder, file), { to })) {
      number += 1;
      if (!line.isWhole && isLast) {
        // Nobody waited for it: the hub was killed, or is writing.
        notes.push(`${file} ends with ${line.bytes.length} bytes of a record that was not finished`);
        continue;
      }
      const message = chain.follow(line, { day, isFirst: number === 1 });
      if (message !== undefined) return report({ file, line: number, message });
    }
  }
  const place = { file: dayFile(days.at(-1) ?? dayOf(0)), line: 0 };
  if (chain.startFault !== undefined)
    return report({ ...chain.startFault, file: dayFile(days[0] ?? dayOf(0)), line: 1 });
  if (head === undefined) {
    const message = 'is missing or damaged, so whether the end of the log was cut is unknown';
    return report({ file: HEAD_FILE, line: 0, message });
  }
  if (head.seq > chain.end.seq)
    return report({ ...place, message: missing(chain.end.seq + 1, head.seq, 'at its end') });
  if (checkpoint !== '' && expected === undefined) {
    return report({ ...place, message: 'the checkpoint is not one of this log: its signature is another' });
  }
  if (expected !== undefined && expected.seq > chain.end.seq) {
    return report({ ...place, message: missing(chain.end.seq + 1, expected.seq, 'at its end') });
  }
  return report(undefined);
}

/** The records of a log, each after the one before. */
class Chain {
  end: ChainEnd = CHAIN_START;
  records = 0;
  readonly #keys: Pick<AuditKeys, 'mac' | 'verifying'>;
  /** What is known of some records from elsewhere. */
  readonly #known: readonly (ChainEnd | undefined)[];
  /** Before the first record that is there. */
  #start = CHAIN_START;
  #isStartKnown = true;

  constructor(keys: Pick<AuditKeys, 'mac' | 'verifying'>, known: readonly (ChainEnd | undefined)[]) {
    this.#keys = keys;
    this.#known = known;
  }

  /** At the end: undefined when the log begins with its first record, or says that those before were deleted. */
  get startFault(): { readonly message: string } | undefined {
    if (this.#isStartKnown) return undefined;
    const message = `${missing(1, this.#start.seq, 'before it')}, and no record says that their day was deleted`;
    return { message };
  }

  /** @returns what is wrong with the next line of a day's file; undefined when it follows */
  follow({ bytes, isWhole }: FileLine, file: { day: string; isFirst: boolean }): string | undefined {
    const line = readLine(bytes);
    if (!isWhole) return 'is cut off';
    if (line === undefined) return 'is not a record';
    if (!isSealed(this.#keys, line)) return 'was changed, or was not written by this hub';
    const { seq, prev, event, time } = line;
    if (this.records === 0 && seq > 1) {
      this.#start = { seq: seq - 1, hash: prev };
      this.#isStartKnown = false;
      this.end = this.#start;
    }
    const { end } = this;
    if (seq > end.seq + 1) return missing(end.seq + 1, seq - 1, 'before it');
    if (seq <= end.seq) return `is record ${seq}, which was there before, or is in another place`;
    if (prev !== end.hash) return `does not follow record ${end.seq}: that one was changed, or replaced`;
    const day = time.slice(0, file.day.length);
    // A clock that went back makes a later record older than its file, and no first one.
    if (file.isFirst ? day !== file.day : day > file.day) return `is of ${day}: it was moved, or its file renamed`;
    this.end = endOf(seq, bytes);
    this.records += 1;
    for (const known of this.#known) {
      if (known?.seq === seq && known.hash !== this.end.hash) return 'is another record than the hub wrote here';
    }
    const { signature, through, hash } = line.fields;
    if (event === 'checkpoint' && !isSigned(this.#keys, end, String(signature))) return 'has a wrong signature';
    if (event === 'deleted' && through === this.#start.seq && hash === this.#start.hash) this.#isStartKnown = true;
    return undefined;
  }
}

function missing(first: number, last: number, where: string): string {
  return first === last
    ? `record ${first} is missing ${where}`
    : `the records ${first} to ${last} are missing ${where}`;
}
