import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { findPrograms } from './postgres-programs.ts';

const run = promisify(execFile);

/** Holds nothing of the user who runs the tests: no locale, no PGDATA. */
const ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };

/**
 * Runs a server, and stops it with the signal that a line on stdin names. When stdin ends instead, because the server is
 * closed or because the process that started it died in any way, it ends the server and removes the folder.
 */
const SUPERVISOR = `
folder=$1
shift
"$@" </dev/null & server=$!
exec 2>/dev/null
if read -r signal; then
  kill -s "$signal" "$server"
  wait "$server"
else
  kill -s QUIT "$server"
  wait "$server"
  cd / && rm -rf "$folder"
fi`;

/** The modes of pg_ctl; and `kill`, which leaves the server no time for anything. */
const SIGNALS = { fast: 'INT', immediate: 'QUIT', kill: 'KILL' } as const;

/** The user who runs the server. Empty: whoever runs the tests. */
interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

type Settings = Readonly<Record<string, string>>;

/**
 * A PostgreSQL with its data and its Unix socket in a private folder. It listens on no port; a TcpProxy leads to it. It
 * ends with the process that started it, also when that is killed.
 */
export class PostgresServer {
  readonly #folder: string;
  readonly #owner: Owner;
  readonly #settings: Settings;
  readonly #log: string[] = [];
  #bin: string;
  #supervisor: ChildProcessByStdio<Writable, null, Readable> | undefined;

  private constructor(bin: string, folder: string, owner: Owner, settings: Settings) {
    this.#bin = bin;
    this.#folder = folder;
    this.#owner = owner;
    this.#settings = settings;
  }

  /**
   * Starts a new one, with data checksums, in UTF-8 and the C locale.
   *
   * @param settings such as `{ max_connections: '20' }`; all others are PostgreSQL's own, fsync too
   */
  static create(settings: Settings = {}): Promise<PostgresServer> {
    return PostgresServer.#start(settings, async (server) => {
      // Nobody needs these files after a power failure. What the server itself writes is synced.
      const format = ['--no-sync', '--data-checksums', '--encoding=UTF8', '--locale=C'];
      await server.#run(join(server.#bin, 'initdb'), [...format, '--auth=trust', '--username=postgres', 'data']);
    });
  }

  /** Starts a second server, which follows this one. */
  createStandby(settings: Settings = {}): Promise<PostgresServer> {
    const following = {
      primary_conninfo: `host=${this.#folder} user=postgres application_name=standby`,
      // What is missing is asked for again after 5 s, if nothing else is set.
      wal_retrieve_retry_interval: '100ms',
    };
    return PostgresServer.#start({ ...following, ...settings }, async (standby) => {
      const client = new Client(this.url());
      await client.connect();
      try {
        await client.query("select pg_backup_start('standby', fast => true)");
        await standby.#run('cp', ['-R', join(this.#folder, 'data'), 'data']);
        const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
        await standby.#write('data/backup_label', rows[0]?.labelfile ?? '');
      } finally {
        await client.end();
      }
      await standby.#write('data/standby.signal', '');
      await rm(join(standby.#folder, 'data/postmaster.pid'));
    });
  }

  /** @param fill makes its data folder */
  static async #start(settings: Settings, fill: (server: PostgresServer) => Promise<void>): Promise<PostgresServer> {
    const { bin, movable } = await findPrograms();
    const owner = await findOwner();
    const folder = await mkdtemp(join(tmpdir(), 'hms-sync-postgres-'));
    const server = new PostgresServer(bin, folder, owner, settings);
    try {
      await server.#own('.');
      await server.#ensurePrograms(movable);
      await fill(server);
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** Such as `postgres://postgres@%2Ftmp%2Fhms-sync-postgres-a1b2c3/postgres`: as pg and libpq write a Unix socket. */
  url(database = 'postgres'): string {
    return `postgres://postgres@${encodeURIComponent(this.#folder)}/${database}`;
  }

  /** The last lines of its log. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** Resolves once it accepts connections. Rejects with its log if it ends before that. */
  async start(): Promise<void> {
    const settings = { listen_addresses: '', unix_socket_directories: this.#folder, ...this.#settings };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = [join(this.#bin, 'postgres'), '-D', 'data', ...options];
    const supervisor = spawn('/bin/sh', ['-c', SUPERVISOR, 'sh', this.#folder, ...command], {
      ...this.#owner,
      cwd: this.#folder,
      env: ENVIRONMENT,
      // A Ctrl-C is for the tests, which then close it.
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    await once(supervisor, 'spawn');
    this.#supervisor = supervisor;
    await new Promise<void>((resolve, reject) => {
      const lines = createInterface(supervisor.stderr);
      lines.on('line', (line) => {
        if (this.#log.push(line) > 200) this.#log.shift();
        if (line.includes('database system is ready to accept')) resolve();
      });
      lines.once('close', () => reject(new Error(`PostgreSQL did not start:\n${this.#log.join('\n')}`)));
    });
  }

  /** Resolves once all of its processes have ended; `start` starts it again on the same data. */
  async stop(mode: keyof typeof SIGNALS = 'fast'): Promise<void> {
    await this.#end(`${SIGNALS[mode]}\n`);
  }

  /** Ends it and removes its data. */
  async close(): Promise<void> {
    await this.#end('');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(message: string): Promise<void> {
    const supervisor = this.#supervisor;
    if (supervisor === undefined) return;
    this.#supervisor = undefined;
    const closed = once(supervisor, 'close');
    supervisor.stdin.end(message);
    await closed;
  }

  async #run(program: string, options: readonly string[]): Promise<void> {
    await run(program, options, { ...this.#owner, cwd: this.#folder, env: ENVIRONMENT });
  }

  async #write(path: string, text: string): Promise<void> {
    await writeFile(join(this.#folder, path), text);
    await this.#own(path);
  }

  async #own(path: string): Promise<void> {
    const { uid, gid } = this.#owner;
    if (uid !== undefined) await run('chown', ['-R', `${uid}:${gid}`, join(this.#folder, path)]);
  }

  /** Programs in a folder that only root can enter are copied. */
  async #ensurePrograms(movable: string | undefined): Promise<void> {
    if (this.#owner.uid === undefined) return;
    try {
      await this.#run(join(this.#bin, 'postgres'), ['--version']);
    } catch (cause) {
      if (movable === undefined) throw new Error(`the user "nobody" cannot run ${this.#bin}/postgres`, { cause });
      await cp(movable, join(this.#folder, 'programs'), { recursive: true, verbatimSymlinks: true });
      await this.#own('programs');
      this.#bin = join(this.#folder, 'programs/bin');
    }
  }
}

/** PostgreSQL refuses to run as root. */
async function findOwner(): Promise<Owner> {
  if (process.getuid?.() !== 0) return {};
  const [user, group] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]);
  return { uid: Number(user.stdout), gid: Number(group.stdout) };
}
