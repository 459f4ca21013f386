import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseTrace, type SystemCall } from './syscall-trace.ts';

export interface StraceOptions {
  readonly pid: number;
  /** Where the trace may be written. */
  readonly folder: string;
  /** Such as `fsync,pwrite64`. */
  readonly calls: string;
  /** As strace's `inject` takes it: `fsync:error=EIO:when=3`. Counted from now on, in each thread. */
  readonly inject?: string;
  /** Whether what is written is kept too, which makes the trace four times as long as that. */
  readonly withBytes?: boolean;
  /** Only calls on these files are traced and tampered with. Absent: on all. */
  readonly paths?: readonly string[];
}

/** No single write is longer: a group of events is at most 4 MiB, written page by page. */
const WRITE_BYTES_MAX = 8 * 1024 * 1024;

/** @throws Error that says how to get strace, when it is not there */
export async function requireStrace(): Promise<void> {
  await promisify(execFile)('strace', ['--version']).catch(() => {
    throw new Error('strace is needed and not installed. On Debian: apt-get install strace');
  });
}

/** strace on a process that runs already: it writes down every call, and makes some of them fail. */
export class Strace {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #file: string;

  private constructor(process: ChildProcess, file: string) {
    this.#process = process;
    this.#exited = once(process, 'exit');
    this.#file = file;
  }

  /** Resolves once all threads of the process are traced. */
  static async attach({ pid, folder, calls, inject, withBytes = false, paths = [] }: StraceOptions): Promise<Strace> {
    const file = join(folder, `trace-${pid}`);
    const filters = paths.flatMap((path) => ['--trace-path', path]);
    const tampering = inject === undefined ? [] : ['--inject', inject];
    const limit = `--string-limit=${withBytes ? WRITE_BYTES_MAX : 0}`;
    const output = ['--decode-fds=all', '--strings-in-hex=all', limit, '--output', file];
    const args = ['--follow-forks', `--trace=${calls}`, ...filters, ...tampering, ...output, '--attach', String(pid)];
    const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const strace = new Strace(child, file);
    await strace.#attached(pid);
    return strace;
  }

  /** The trace, once the process has ended. */
  async read(): Promise<readonly SystemCall[]> {
    await this.#exited;
    return parseTrace(await readFile(this.#file, 'latin1'));
  }

  /** Stops tracing; the process continues. */
  async detach(): Promise<void> {
    this.#process.kill('SIGINT');
    await this.#exited;
  }

  /** Its stderr is read to the end: it reports every new thread there. */
  async #attached(pid: number): Promise<void> {
    const { stderr } = this.#process;
    if (stderr === null) throw new TypeError('strace was started without a pipe');
    let said = '';
    const { promise, resolve } = Promise.withResolvers<void>();
    stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(`Process ${pid} attached`)) resolve();
    });
    const failed = this.#exited.then(() => Promise.reject(new Error(`strace could not attach: ${said.trim()}`)));
    failed.catch(() => undefined);
    await Promise.race([promise, failed]);
  }
}
