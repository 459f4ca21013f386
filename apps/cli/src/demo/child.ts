import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { NO_DEBUGGER } from '../exec-node.ts';
import { ExitCode, Failure } from '../failure.ts';

// A hub takes 20 s at most to finish the attempts that run; a child that is still there after this hangs.
const STOP_LIMIT_MS = 30_000;

/** What a child is, and who hears what it says. */
export interface ChildOptions {
  /** For messages: "hub", "sandbox". */
  name: string;
  /** A file URL: the program. */
  main: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Export conditions under which it resolves packages, beside those of this process. */
  conditions?: readonly string[];
  /** Called with each line on its stderr, except the one that says why it ends. */
  onErrorLine: (line: string) => void;
  /** Finds in a line on its stderr why it ends; undefined when the line is something else. */
  complaintIn: (line: string) => string | undefined;
}

/**
 * A program of ours that runs beside the command and ends with it, however the command ends: it holds one end of an
 * IPC channel and ends when the other end closes, which the system does for us even on kill -9.
 */
export class Child {
  /** Settles when the child has ended, and never rejects. The failure says how it ended. */
  readonly ended: Promise<Failure>;
  readonly #process: ChildProcess;
  readonly #readyLine: Promise<string>;
  #isReady = false;
  #complaint: string | undefined;

  constructor(options: ChildOptions) {
    this.#process = fork(fileURLToPath(options.main), options.args, {
      env: options.env,
      execArgv: [
        NO_DEBUGGER,
        ...process.execArgv.filter((arg) => arg !== NO_DEBUGGER),
        ...(options.conditions ?? []).map((condition) => `--conditions=${condition}`),
      ],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Its own process group: Ctrl-C reaches the command alone, which then ends its children in the right order.
      detached: true,
    });
    const output = linesOf(this.#process.stdout);
    const errors = linesOf(this.#process.stderr);
    this.#readyLine = new Promise((resolve) => {
      // Read to its end, so that the pipe never fills up.
      output.on('line', (line) => {
        if (!isReadyLine(line)) return;
        this.#isReady = true;
        resolve(line);
      });
    });
    errors.on('line', (line) => {
      const complaint = options.complaintIn(line);
      if (complaint === undefined) options.onErrorLine(line);
      else this.#complaint ??= complaint;
    });
    // Only then has all that it said been read. Not the event 'close': after a disconnect of ours it never comes.
    const allRead = Promise.all([once(output, 'close'), once(errors, 'close')]);
    this.ended = new Promise((resolve) => {
      this.#process.on('error', (error) =>
        resolve(new Failure(`cannot start the ${options.name}: ${error.message}`, ExitCode.failed, { cause: error })),
      );
      this.#process.on('exit', async (code, signal) => {
        await allRead;
        resolve(this.#failureOf(options.name, code, signal));
      });
    });
  }

  /**
   * Waits until the child says on its stdout that it is ready.
   *
   * @returns the JSON object that it said
   * @throws Failure with the child's own complaint and exit code when it ended instead
   */
  async ready(): Promise<unknown> {
    const ready = await Promise.race([this.#readyLine, this.ended]);
    if (ready instanceof Failure) throw ready;
    return JSON.parse(ready);
  }

  /** Rejects when the child has ended: for races. */
  async failure(): Promise<never> {
    throw await this.ended;
  }

  /** Lets the child finish its work and waits for its end. A child that does not end in time is killed. */
  async stop(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    // A child that still starts may not listen for the disconnect yet, and has no work to finish.
    if (!this.#isReady) this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  #failureOf(name: string, code: number | null, signal: NodeJS.Signals | null): Failure {
    if (this.#complaint !== undefined) return new Failure(this.#complaint, code || ExitCode.failed);
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
    return new Failure(`the ${name} ended by itself, ${how}`, code || ExitCode.failed);
  }
}

function linesOf(stream: Readable | null): Interface {
  if (stream === null) throw new TypeError('the child was started without pipes');
  return createInterface({ input: stream });
}

function isReadyLine(line: string): boolean {
  return line.startsWith('{"ready":true');
}
