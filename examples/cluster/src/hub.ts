import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { type Health, HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';

const PROGRAM = fileURLToPath(import.meta.resolve('@hms-sync/sync-hub/main'));
const NODE_FLAGS: readonly string[] = JSON.parse(
  readFileSync(fileURLToPath(import.meta.resolve('@hms-sync/sync-hub/node-flags')), 'utf8'),
);

/** A hub that waits for the database answers later. */
const HEALTH_WITHIN_MS = 1_000;
/** As systemd's RestartSec. */
const RESTART_MS = 500;

export interface HubOptions {
  readonly name: string;
  readonly configFile: string;
  readonly dataDir: string;
  /** The process ended, though nobody asked it to. @param reason the last message of its log */
  readonly onExit: (reason: string) => void;
}

/** A hub's process and its supervisor: when the process ends by itself, it is started again. */
export class Hub {
  readonly name: string;
  readonly #options: HubOptions;
  #process: ChildProcess | undefined;
  #port = 0;
  #lastMessage = '';
  /** False from `kill` or `stop` to the next `start`. */
  #isWanted = false;
  #ready = Promise.withResolvers<void>();

  constructor(options: HubOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** The same after each start. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Resolves once it accepts events. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** @throws Error when it ends instead of becoming ready for the first time */
  async start(): Promise<void> {
    this.#isWanted = true;
    this.#run();
    await this.ready;
  }

  /** What an administrator may see, by the socket in its data folder. Undefined when it does not answer. */
  async health(): Promise<Health | undefined> {
    if (this.#process === undefined) return undefined;
    const socket = join(this.#options.dataDir, 'hub.sock');
    const baseUrl = 'http://localhost';
    const sessionManager = new Http2SessionManager(baseUrl, {}, { createConnection: () => connect(socket) });
    const client = createClient(HealthService, createGrpcTransport({ baseUrl, sessionManager }));
    try {
      return (await client.getHealth({}, { timeoutMs: HEALTH_WITHIN_MS })).health;
    } catch {
      return undefined;
    } finally {
      sessionManager.abort();
    }
  }

  /** kill -9. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** A planned stop, as by `systemctl stop`. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#isWanted = false;
    const running = this.#process;
    if (running === undefined) return;
    const ended = once(running, 'exit');
    running.kill(signal);
    await ended;
  }

  #run(): void {
    const { configFile, dataDir } = this.#options;
    // --dev: callers of this machine need no token to publish.
    const args = ['--dev', '--config', configFile, '--data-dir', dataDir, '--listen', `127.0.0.1:${this.#port}`];
    const hub = fork(PROGRAM, args, {
      execArgv: [...NODE_FLAGS, '--conditions=@hms-sync/source'],
      // By the IPC channel it ends when this program does, in whatever way. In a group of its own, Ctrl-C does not reach it.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#process = hub;
    if (hub.stdout === null || hub.stderr === null) throw new TypeError('the hub was started without pipes');
    createInterface(hub.stdout).once('line', (line) => {
      this.#port = Number(new URL(JSON.parse(line).address).port);
      this.#ready.resolve();
    });
    createInterface(hub.stderr).on('line', (line) => {
      this.#lastMessage = messageOf(line);
    });
    hub.once('exit', () => void this.#onExit());
  }

  async #onExit(): Promise<void> {
    this.#process = undefined;
    const { reject } = this.#ready;
    this.#ready = Promise.withResolvers();
    // By then its log is read, too.
    await sleep(RESTART_MS);
    if (this.#port === 0) reject(new Error(`${this.name} ended before it was ready: ${this.#lastMessage}`));
    if (!this.#isWanted || this.#process !== undefined || this.#port === 0) return;
    this.#options.onExit(this.#lastMessage);
    this.#run();
  }
}

/** The first sentence of a line of its log, which is JSON, or of the error that ended it. */
function messageOf(line: string): string {
  const text: string = line.startsWith('{') ? JSON.parse(line).msg : line.replace(/^hms-sync: /, '');
  return text.replace(/(?<=\.) .*/, '');
}
