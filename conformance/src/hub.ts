import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child, type ChildOptions, type Ending } from './child.ts';

const main = import.meta.resolve('@hms-sync/sync-hub/main');
/** Node's own flags, as `hms-sync start` gives them. */
const nodeFlags: readonly string[] = JSON.parse(
  readFileSync(fileURLToPath(import.meta.resolve('@hms-sync/sync-hub/node-flags')), 'utf8'),
);

/** Where the tests run as root, their hubs do, and need the flag that says that this is meant. */
const allowRoot: readonly string[] = process.getuid?.() === 0 ? ['--allow-root'] : [];

export type HubOptions = Pick<ChildOptions, 'args' | 'env' | 'cwd' | 'openFilesMax'>;

/** One hub process, from its ready line to its end. */
export class Hub {
  /** Its URL, such as `http://127.0.0.1:40123`. */
  readonly address: string;
  readonly #child: Child;

  private constructor(child: Child, address: string) {
    this.#child = child;
    this.address = address;
  }

  /** @throws EndedEarly when it ends instead of becoming ready */
  static async start({ args, ...options }: HubOptions): Promise<Hub> {
    const child = new Child({ main, nodeFlags, ...options, args: [...args, ...allowRoot] });
    const ready: unknown = JSON.parse(await child.firstLine());
    if (typeof ready !== 'object' || ready === null || !('address' in ready) || typeof ready.address !== 'string') {
      throw new TypeError('the ready line has no address');
    }
    return new Hub(child, ready.address);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.isRunning;
  }

  get host(): string {
    return new URL(this.address).hostname;
  }

  get port(): number {
    return Number(new URL(this.address).port);
  }

  /** Its log, as it was written to stderr so far. */
  get log(): string {
    return this.#child.stderr;
  }

  /** How it ended, once it has. */
  get ended(): Promise<Ending> {
    return this.#child.ended;
  }

  /** Asks it to stop, as an operating system does, and waits for its end. */
  stop(): Promise<Ending> {
    return this.#child.signal('SIGTERM');
  }

  /** Ends it at once, as a power cut does. Does nothing when it has ended. */
  kill(): Promise<Ending> {
    return this.#child.signal('SIGKILL');
  }
}

/** Runs a hub that exits by itself, and returns how it exited. */
export function runHub({ args, ...options }: HubOptions): Promise<Ending> {
  return new Child({ main, ...options, args: [...args, ...allowRoot] }).ended;
}
