import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, type QueryResultRow } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createDatabase, useDatabase } from './postgres.ts';
import { PostgresServer } from './postgres-server.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** A connection for the running test, which may break. */
async function useClient(url: string): Promise<Client> {
  const client = new Client(url);
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

async function query<Row extends QueryResultRow>(url: string, statement: string): Promise<readonly Row[]> {
  const client = new Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<Row>(statement);
    return rows;
  } finally {
    await client.end();
  }
}

/** Resolves once the connection has ended, in whichever way. */
function endOf(client: Client): Promise<void> {
  return new Promise((resolve) => client.once('end', resolve));
}

function folderOf(url: string): string {
  return decodeURIComponent(new URL(url).hostname);
}

async function pidOf(url: string): Promise<number> {
  return Number.parseInt(await readFile(join(folderOf(url), 'data/postmaster.pid'), 'utf8'), 10);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a database', () => {
  test('is of PostgreSQL 15 or newer, which syncs and checks what it writes', async () => {
    const settings = ['server_version_num', 'fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums'];
    const values = settings.map((name) => `current_setting('${name}') as ${name}`);
    const [row] = await query(
      await useDatabase(),
      `select ${values}, datcollate, pg_encoding_to_char(encoding)
      as encoding from pg_database where datname = current_database()`,
    );
    expect(Number(row?.server_version_num)).toBeGreaterThanOrEqual(150_000);
    expect(row).toMatchObject({ fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on', data_checksums: 'on' });
    expect(row).toMatchObject({ datcollate: 'C', encoding: 'UTF8' });
  });

  test('sees nothing of another one', async () => {
    const [first, second] = [await useDatabase(), await useDatabase()];
    await query(first, 'create table events (id text)');
    const tables = "select tablename from pg_tables where schemaname = 'public'";
    expect(await query(first, tables)).toEqual([{ tablename: 'events' }]);
    expect(await query(second, tables)).toEqual([]);
    expect(folderOf(first)).toBe(folderOf(second));
  });

  test('that was removed leaves neither connections nor data to the next one', async () => {
    const { url, remove } = await createDatabase();
    const client = await useClient(url);
    await client.query('create schema journal; create table journal.events (id text); create table events (id text)');
    await client.query('begin; lock table events');
    const ended = endOf(client);
    await remove();
    await ended;
    const next = await useDatabase();
    expect(next).toBe(url);
    const own = "nspname !~ '^pg_' and nspname <> 'information_schema'";
    expect(await query(next, `select nspname from pg_namespace where ${own}`)).toEqual([{ nspname: 'public' }]);
    await query(next, 'create table events (id text)');
  });
});

describe('a server', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.create();
    await query(server.url(), 'create table events (id text)');
  });
  afterAll(() => server.close());

  test.for(['fast', 'immediate', 'kill'] as const)('keeps what it committed when it is stopped: %s', async (mode) => {
    const client = await useClient(server.url());
    await client.query(`insert into events values ('${mode}')`);
    await server.stop(mode);
    await expect(client.query('select 1')).rejects.toThrow();
    await expect(new Client(server.url()).connect()).rejects.toThrow();
    await server.start();
    expect(await query(server.url(), 'select id from events')).toContainEqual({ id: mode });
  });

  test('is followed by a standby, which takes its place', async () => {
    const standby = await server.createStandby();
    onTestFinished(() => standby.close());
    await query(server.url(), 'create table later (id text)');
    await vi.waitFor(() => query(standby.url(), 'select id from later'), 30_000);
    await expect(query(standby.url(), "insert into later values ('a')")).rejects.toThrow('read-only');
    await server.stop('immediate');
    await query(standby.url(), 'select pg_promote()');
    await query(standby.url(), "insert into later values ('a')");
    await server.start();
  });

  test('is reached by its user alone, who is not root, and leaves nothing when it is closed', async () => {
    const [folder, pid] = [folderOf(server.url()), await pidOf(server.url())];
    const { mode, uid } = await stat(folder);
    expect(mode & 0o777).toBe(0o700);
    expect(uid).not.toBe(0);
    await server.close();
    expect(isRunning(pid)).toBe(false);
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });

  test('ends with the process that started it, even if that is killed', async () => {
    const program = `import { PostgresServer } from '${import.meta.resolve('./postgres-server.ts')}';
      console.log((await PostgresServer.create()).url());`;
    const starter = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [url] = await once(createInterface(starter.stdout), 'line');
    const pid = await pidOf(url);
    const ended = endOf(await useClient(url));
    starter.kill('SIGKILL');
    await ended;
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 30_000);
    await vi.waitFor(() => expect(stat(folderOf(url))).rejects.toThrow('ENOENT'), 30_000);
  });

  test('that cannot start reports why', async () => {
    await expect(PostgresServer.create({ shared_buffers: 'many' })).rejects.toThrow('shared_buffers');
  });

  test('of programs that are not there reports what to name', async () => {
    vi.stubEnv('HMS_SYNC_TEST_POSTGRES', '/nonexistent/bin');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(PostgresServer.create()).rejects.toThrow(
      'HMS_SYNC_TEST_POSTGRES: /nonexistent/bin has no program "initdb"',
    );
  });
});

test('a proxy disturbs the way to a server', async () => {
  const url = await useDatabase();
  const proxy = await TcpProxy.start(url);
  onTestFinished(() => proxy.close());
  const client = await useClient(proxy.through(url));
  const { rows } = await client.query('select current_database() as name');
  expect(rows).toEqual([{ name: new URL(url).pathname.slice(1) }]);
  proxy.disturb('to_client', { kind: 'black_hole' });
  const failed = expect(client.query('select 1')).rejects.toThrow('ECONNRESET');
  await vi.waitFor(() => expect(proxy.lostBytes).toBeGreaterThan(0));
  proxy.heal();
  await failed;
});
