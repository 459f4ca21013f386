import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { getDefaultHighWaterMark, type Readable, setDefaultHighWaterMark } from 'node:stream';
import { z } from 'zod';
import { type ConfigSecrets, RAW_MAX_CHARACTERS } from '../config-secrets.ts';
import type { LaunchCommand } from './launch-command.ts';
import { readLines } from './line-reader.ts';
import { guardGroup } from './orphan-guard.ts';
import type { ProcessLog } from './process-log.ts';

/** A line that an operator can read; longer ones are cut. */
const OUTPUT_LINE_CHARACTERS = 4_096;
/** A log record with its fields; a longer one is cut, and then it is none. */
const RECORD_LINE_CHARACTERS = 64 * 1024;
/** Among these is the one by which it says why it ends. */
const LAST_RECORDS = 8;
/** What V8 writes before it ends a process whose heap is full. */
const HEAP_FULL = /heap limit|JavaScript heap out of memory/;
/** The rest of what a process wrote is in its pipes when it has ended; reading it takes no longer. */
const LAST_WORDS_MS = 1_000;

export interface AdapterProcessOptions {
  readonly command: LaunchCommand;
  readonly log: ProcessLog;
  /** Taken out of what it writes to stdout and stderr. */
  readonly secrets: ConfigSecrets;
  readonly heapLimitMb: number;
  /** What the hub shows with each call, 43 characters: whoever else connects to the adapter does not know it. */
  readonly launchSecret: string;
}

/**
 * One child process, from its start until nothing is left of it: the leader of a group of its own, so that what it
 * started ends with it.
 */
export class AdapterProcess {
  readonly #child: ChildProcess;
  readonly #options: AdapterProcessOptions;
  readonly #listening = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<string>();
  #killedFor: string | undefined;
  #uncaught: string | undefined;
  #outOfHeap = false;
  #exited = false;

  constructor(options: AdapterProcessOptions) {
    this.#options = options;
    const { file, args, env } = options.command;
    // 3: what it reports to the hub; 4: its lifeline, which ends with the hub and brings it the secret of this launch.
    // Nothing to read from: stdin belongs to operators.
    const stdio = ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'] as const;
    this.#child = withoutReadAhead(() => spawn(file, args, { env, stdio: [...stdio], detached: true }));
    const { pid } = this.#child;
    if (pid === undefined) {
      this.#child.once('error', (error: NodeJS.ErrnoException) => this.#end(`could not be started: ${error.code}`));
      return;
    }
    const letGo = guardGroup(pid);
    this.#child.on('error', () => undefined);
    this.#child.once('exit', (exitCode, signal) => {
      this.#exited = true;
      // What it forked has its group and perhaps its pipes still.
      this.#signalGroup('SIGKILL');
      letGo();
      void this.#lastWords().then(() => {
        const { heapLimitMb } = options;
        const end = { killedFor: this.#killedFor, uncaught: this.#uncaught, outOfHeap: this.#outOfHeap, heapLimitMb };
        this.#end(endReason({ exitCode, signal, ...end }));
      });
    });
    this.#listen();
  }

  /** Undefined when it could not even be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when its socket accepts connections; never, when it ends before. */
  get listening(): Promise<void> {
    return this.#listening.promise;
  }

  /** Resolves when it has ended, with why: what follows "the adapter's process". */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /** Asks it to close the adapter and end; kills it when it has not after the time. */
  async terminate(withinMs: number): Promise<void> {
    if (!this.#exited) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(`it did not close within ${withinMs} ms`), withinMs);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  /** Ends it and what it started, at once. The first cause is the one that is reported. */
  kill(cause: string): void {
    if (this.#exited) return;
    this.#killedFor ??= cause;
    this.#signalGroup('SIGKILL');
  }

  #listen(): void {
    const { log, secrets, launchSecret } = this.#options;
    const [, stdout, stderr, records, lifeline] = this.#child.stdio;
    const output = (stream: 'stdout' | 'stderr') => (line: string) => {
      if (stream === 'stderr') this.#seeHeapFull(line);
      if (line.trim() === '') return;
      log.write(stream === 'stderr' ? 'warn' : 'info', secrets.takenOut(line, OUTPUT_LINE_CHARACTERS), { stream });
    };
    const read = (
      stream: unknown,
      lineMaxCharacters: number,
      handle: (line: string) => void,
      onEnd?: (end: string) => void,
    ) =>
      readLines(stream as Readable, {
        lineMaxCharacters,
        isWanted: () => log.hasRoom,
        onLine: (line) => {
          log.spend(line.length);
          handle(line);
        },
        onLeftOut: (lines) => log.leaveOut(lines),
        ...(onEnd && { onEnd }),
      });
    read(stdout, RAW_MAX_CHARACTERS, output('stdout'));
    read(stderr, RAW_MAX_CHARACTERS, output('stderr'), (end) => this.#seeHeapFull(end));
    read(
      records,
      RECORD_LINE_CHARACTERS,
      (line) => this.#handleRecord(line),
      (end) => this.#handleLastRecords(end),
    );
    lifeline?.on('error', () => undefined);
    (lifeline as Socket).write(launchSecret);
    // Nothing comes, but only who reads sees the end.
    (lifeline as Socket).resume();
  }

  #handleRecord(line: string): void {
    const record = parseProcessRecord(line);
    switch (record?.kind) {
      case undefined:
        break;
      case 'listening':
        this.#listening.resolve();
        break;
      case 'log':
        this.#options.log.write(record.level, record.message, record.fields);
        break;
      case 'uncaught':
        this.#handleUncaught(record);
        break;
      default:
        record satisfies never;
    }
  }

  /** The end of what was left out may say why it ended. */
  #handleLastRecords(end: string): void {
    for (const line of end.split('\n').slice(-LAST_RECORDS)) this.#handleUncaught(parseProcessRecord(line));
  }

  #handleUncaught(record: ProcessRecord | undefined): void {
    if (record?.kind !== 'uncaught') return;
    const { error, at } = record;
    this.#uncaught = error;
    this.#options.log.write('error', 'adapter code threw outside of an attempt', { error, at });
  }

  #seeHeapFull(said: string): void {
    if (HEAP_FULL.test(said)) this.#outOfHeap = true;
  }

  #signalGroup(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // Nothing is left of the group.
    }
  }

  /** Waits until its pipes have ended. */
  async #lastWords(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#child.once('close', () => resolve());
    const timer = setTimeout(resolve, LAST_WORDS_MS);
    await promise;
    clearTimeout(timer);
    for (const stream of this.#child.stdio) stream?.destroy();
  }

  #end(why: string): void {
    this.#options.log.end();
    this.#ended.resolve(why);
  }
}

/** How a process ended, as far as the hub saw. */
interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the hub killed it. Undefined: it did not. */
  readonly killedFor: string | undefined;
  /** What adapter code threw outside of an attempt. Undefined: nothing. */
  readonly uncaught: string | undefined;
  /** V8 said that its heap is full. */
  readonly outOfHeap: boolean;
  /** What its heap could come to. */
  readonly heapLimitMb: number;
}

/** Why a process ended, for operators, as what follows "the adapter's process". */
function endReason(end: ProcessEnd): string {
  if (end.killedFor !== undefined) return `was killed: ${end.killedFor}`;
  if (end.uncaught !== undefined)
    return `ended: its code threw ${end.uncaught} outside of an attempt, and nobody caught it`;
  if (end.outOfHeap) return `ended: its heap went past ${end.heapLimitMb} MB (limits.memoryMb in its manifest)`;
  if (end.signal !== null) return `was ended by ${end.signal}`;
  return `exited with code ${end.exitCode}`;
}

/** What an adapter's process reports on file descriptor 3, a document a line. Adapter code can write there, too. */
const processRecord = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('listening') }),
  z.object({
    kind: z.literal('log'),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({
    kind: z.literal('uncaught'),
    error: z.string().regex(/^[\w ]{1,64}$/),
    at: z.array(z.string().max(512)).max(8),
  }),
]);

type ProcessRecord = z.infer<typeof processRecord>;

/** A line as a record; undefined for one that is none. */
function parseProcessRecord(line: string): ProcessRecord | undefined {
  try {
    return processRecord.safeParse(JSON.parse(line)).data;
  } catch {
    // No JSON: not from the SDK.
    return undefined;
  }
}

/**
 * Streams that are made meanwhile read nothing ahead while they are paused: a process that writes a few bytes at a time,
 * without end, would have the hub read thousands of times before it waits.
 */
function withoutReadAhead<Result>(make: () => Result): Result {
  const bytes = getDefaultHighWaterMark(false);
  setDefaultHighWaterMark(false, 1);
  try {
    return make();
  } finally {
    setDefaultHighWaterMark(false, bytes);
  }
}
