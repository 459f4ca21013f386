import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as elapse } from 'node:timers/promises';
import { TcpProxy } from '@hms-sync/testing/tcp-proxy';
import { EndedEarly } from '../src/child.ts';
import type { Hub } from '../src/hub.ts';
import { type HubConfig, HubFolder } from '../src/hub-folder.ts';

/** From when on, and until when: ms since 1970. */
export interface Span {
  readonly fromMs: number;
  toMs: number;
}

export interface ClusterHubOptions {
  readonly name: string;
  /** Of the database, without the way of this hub. */
  readonly database: string;
  readonly config: HubConfig;
  readonly packages: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Called when a process of it ended, and with how. */
  readonly onEnded: (how: string) => void;
}

/** A hub that did not become ready is started again after this. */
const START_AGAIN_MS = 200;

/**
 * One hub of several, with a way of its own to the database, and its supervisor: whenever its process ends, it is started
 * again at once.
 */
export class ClusterHub {
  readonly name: string;
  readonly way: TcpProxy;
  /** When it ran and nothing was done to it. */
  readonly undisturbed: Span[] = [];
  readonly #folder: HubFolder;
  readonly #env: Readonly<Record<string, string>>;
  readonly #onEnded: (how: string) => void;
  readonly #supervised: Promise<void>;
  #hub: Hub | undefined;
  #faults = 0;
  #isOver = false;
  #onReady = Promise.withResolvers<Hub>();

  private constructor(folder: HubFolder, way: TcpProxy, { name, env, onEnded }: ClusterHubOptions) {
    this.name = name;
    this.way = way;
    this.#folder = folder;
    this.#env = env;
    this.#onEnded = onEnded;
    this.#supervised = this.#supervise();
  }

  static async start(options: ClusterHubOptions): Promise<ClusterHub> {
    const { name, database, config, packages } = options;
    const way = await TcpProxy.start(database);
    const journal = new URL(way.through(database));
    journal.searchParams.set('application_name', name);
    const folder = await HubFolder.create({ config: { ...config, journal: journal.href } });
    for (const each of packages) await folder.install(each);
    const hub = new ClusterHub(folder, way, options);
    await hub.ready();
    return hub;
  }

  /** Undefined while it is down. */
  get address(): string | undefined {
    return this.#hub?.address;
  }

  /** Resolves once its process is ready. */
  async ready(): Promise<Hub> {
    return this.#hub ?? this.#onReady.promise;
  }

  /** Does something to it, and waits until it is ready again. */
  async disturb(fault: () => Promise<void>): Promise<void> {
    this.#faults += 1;
    this.#noteDisturbance();
    try {
      await fault();
      await this.ready();
    } finally {
      this.#faults -= 1;
      this.#noteDisturbance();
    }
  }

  /** kill -9 of the hub alone. Resolves once it has ended. */
  async kill(): Promise<void> {
    await this.#hub?.kill();
  }

  /** SIGTERM. Resolves once it has ended. */
  async stop(): Promise<void> {
    await this.#hub?.stop();
  }

  /** SIGSTOP until the promise settles. @param withAdapters its adapters' processes too */
  async freeze(withAdapters: boolean, until: Promise<unknown>): Promise<void> {
    const pid = this.#hub?.pid;
    if (pid === undefined) return;
    const pids = withAdapters ? [pid, ...(await descendantsOf(pid))] : [pid];
    for (const each of pids) signal(each, 'SIGSTOP');
    try {
      await until;
    } finally {
      for (const each of pids) signal(each, 'SIGCONT');
    }
  }

  /** Ends it for good. Returns its last log. */
  async close(): Promise<string> {
    this.#isOver = true;
    this.#noteDisturbance();
    const hub = this.#hub;
    await this.#folder.endHubs();
    await this.#supervised;
    await this.way.close();
    await this.#folder.remove();
    return hub?.log ?? '';
  }

  async #supervise(): Promise<void> {
    while (!this.#isOver) {
      try {
        const hub = await this.#folder.start(this.#env);
        this.#hub = hub;
        this.#onReady.resolve(hub);
        this.#noteDisturbance();
        const { code, signal: by, stderr } = await hub.ended;
        this.#onReady = Promise.withResolvers();
        this.#hub = undefined;
        this.#noteDisturbance();
        this.#onEnded(by ?? (code === 0 ? 'stopped' : `${code} ${lastLine(stderr)}`));
      } catch (error) {
        if (!(error instanceof EndedEarly)) throw error;
        this.#onEnded(`before it was ready: ${lastLine(error.ending.stderr)}`);
        await elapse(START_AGAIN_MS);
      }
    }
  }

  #noteDisturbance(): void {
    const isUndisturbed = this.#hub !== undefined && this.#faults === 0 && !this.#isOver;
    const last = this.undisturbed.at(-1);
    const isOpen = last?.toMs === Number.POSITIVE_INFINITY;
    if (isUndisturbed && !isOpen) this.undisturbed.push({ fromMs: Date.now(), toMs: Number.POSITIVE_INFINITY });
    else if (!isUndisturbed && isOpen) last.toMs = Date.now();
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The processes that a process started, and those that they did. */
async function descendantsOf(pid: number): Promise<readonly number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    // Its name, in parentheses, may hold anything.
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]));
  }
  const found = [pid];
  for (const each of found) for (const [child, parent] of parents) if (parent === each) found.push(child);
  return found.slice(1);
}
