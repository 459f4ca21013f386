import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** How a program ended, and all that it said. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** It ended instead of saying its first line. */
export class EndedEarly extends Error {
  override readonly name = 'EndedEarly';
  readonly ending: Ending;

  constructor(ending: Ending) {
    super(`it ended with ${ending.code ?? ending.signal} before it was ready: ${ending.stderr}`);
    this.ending = ending;
  }
}

export interface ChildOptions {
  /** A file URL: the program. */
  readonly main: string;
  readonly args: readonly string[];
  /** Its whole environment, but for PATH: what the tests run in must not reach it. */
  /** Of Node itself. */
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** How many files and connections it may have open, as `ulimit -n`. */
  readonly openFilesMax?: number;
}

/** Hubs start by the dozen here; with their compiled sources kept, each takes half the time. */
const compileCache = join(tmpdir(), 'hms-sync-conformance-compile-cache');

/** A program that runs from its sources and, by an IPC channel that it ends with, never outlives the tests. */
export class Child {
  /** Settles when it has ended and all that it said has been read; never rejects. */
  readonly ended: Promise<Ending>;
  readonly #process: ChildProcess;
  readonly #firstLine: Promise<string>;
  #stdout = '';
  #stderr = '';

  constructor({ main, args, nodeFlags = [], env = {}, cwd, openFilesMax }: ChildOptions) {
    this.#process = fork(fileURLToPath(main), [...args], {
      ...nodeWith(nodeFlags, openFilesMax),
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: compileCache, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(cwd !== undefined && { cwd }),
    });
    const { stdout, stderr } = this.#process;
    if (stdout === null || stderr === null) throw new TypeError('the child was started without pipes');
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#firstLine = promise;
    createInterface({ input: stdout }).once('line', resolve);
    stdout.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
    });
    stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    const allRead = Promise.all([once(stdout, 'close'), once(stderr, 'close')]);
    this.ended = once(this.#process, 'exit').then(async ([code, signal]) => {
      await allRead;
      return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  get pid(): number {
    return this.#process.pid ?? Number.NaN;
  }

  /** True until it ended. */
  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Everything that it said on stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** @throws EndedEarly when it ends without having said a line on stdout */
  async firstLine(): Promise<string> {
    const first = await Promise.race([this.#firstLine, this.ended]);
    if (typeof first === 'string') return first;
    throw new EndedEarly(first);
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): Promise<Ending> {
    this.#process.kill(signal);
    return this.ended;
  }
}

/** Node, as `fork` takes it; under a limit by way of a shell, which alone can set one. */
function nodeWith(
  nodeFlags: readonly string[],
  openFilesMax: number | undefined,
): { execPath: string; execArgv: string[] } {
  const execArgv = [...nodeFlags, '--conditions=@hms-sync/source'];
  if (openFilesMax === undefined) return { execPath: process.execPath, execArgv };
  const limited = ['-c', `ulimit -n ${openFilesMax} && exec "$0" "$@"`, process.execPath];
  return { execPath: '/bin/sh', execArgv: [...limited, ...execArgv] };
}
