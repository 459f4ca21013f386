import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { NO_DEBUGGER } from '../exec-node.ts';
import { ExitCode, Failure } from '../failure.ts';

// Longer than the 20 s that a hub may take to finish its running attempts.
const STOP_LIMIT_MS = 30_000;

/** Options of a child process. */
export interface ChildOptions {
  /** Its name in messages: "hub", "sandbox". */
  name: string;
  /** The file URL of the program. */
  main: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Export conditions, in addition to those of this process. */
  conditions?: readonly string[];
  /** Called with each line of its stderr, except the error that ends it. */
  onErrorLine: (line: string) => void;
  /** Extracts the error that ends it from a line of its stderr; undefined for any other line. */
  complaintIn: (line: string) => string | undefined;
}

/**
 * A hub or a sandbox as a child process. It exits when its IPC channel closes, so it never outlives this command, even after
 * kill -9.
 */
export class Child {
  /** Resolves when the child has ended, with the reason. Never rejects. */
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
      // Its own process group, so that Ctrl-C reaches only this command, which stops its children in order.
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
    // All output has been read by then. Not the event 'close': it is not emitted after a disconnect.
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
   * Waits until the child prints on stdout that it is ready.
   *
   * @returns the printed JSON object
   * @throws Failure with the child's error and exit code if it ended
   */
  async ready(): Promise<unknown> {
    const ready = await Promise.race([this.#readyLine, this.ended]);
    if (ready instanceof Failure) throw ready;
    return JSON.parse(ready);
  }

  /** Rejects when the child has ended; for Promise.race. */
  async failure(): Promise<never> {
    throw await this.ended;
  }

  /** Stops the child and waits for its end. It is killed if it does not end in time. */
  async stop(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    // A child that is starting may not listen for the disconnect yet.
    if (!this.#isReady) this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  #failureOf(name: string, code: number | null, signal: NodeJS.Signals | null): Failure {
    if (this.#complaint !== undefined) return new Failure(this.#complaint, code || ExitCode.failed);
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
    return new Failure(`the ${name} ended unexpectedly, ${how}`, code || ExitCode.failed);
  }
}

function linesOf(stream: Readable | null): Interface {
  if (stream === null) throw new TypeError('the child was started without pipes');
  return createInterface({ input: stream });
}

function isReadyLine(line: string): boolean {
  return line.startsWith('{"ready":true');
}
