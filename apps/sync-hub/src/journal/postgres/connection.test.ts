import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { PostgresServer } from '@hms-sync/testing/postgres-server';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ours, strangers } from '../../tls/certificates.fixture.ts';
import type { JournalError } from '../journal-error.ts';
import { sampleAccept, sampleEvent } from '../suite/samples.fixture.ts';
import { connect, connectOnceReachable, readParameterLogging } from './connection.ts';
import { readAddress } from './database-address.ts';
import { Pooler } from './pooler.fixture.ts';
import { openPostgresJournal } from './postgres-journal.ts';

const PASSWORD = 'p@ss/w?rd#1';
/** The administrator needs no password, and the hub does. */
const HBA = 'local all postgres trust\nlocal replication all trust\nlocal all all scram-sha-256\n';

let server: PostgresServer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-sync-connection-'));
  const hba_file = join(folder, 'pg_hba.conf');
  await writeFile(hba_file, HBA, { mode: 0o644 });
  // Another user may run the server.
  await chmod(folder, 0o755);
  server = await PostgresServer.create({ hba_file, log_parameter_max_length_on_error: '0' });
  await administrate(`CREATE ROLE hub LOGIN PASSWORD '${PASSWORD}'`, 'GRANT CREATE ON DATABASE postgres TO hub');
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

async function administrate(...statements: readonly string[]): Promise<void> {
  const client = await administrator();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

async function administrator(): Promise<Client> {
  const client = new Client({
    connectionString: server.url(),
    options: '-c synchronous_commit=local -c default_transaction_read_only=off -c statement_timeout=0',
  });
  await client.connect();
  return client;
}

/** The server has its sessions read its settings again, and answers before they have: resolves once one has. */
async function reload(setting: string, value: string): Promise<void> {
  const client = await administrator();
  await client.query('SELECT pg_reload_conf()');
  for (let found = ''; found !== value; ) {
    found = (await client.query('SELECT current_setting($1) AS value', [setting])).rows[0].value;
  }
  await client.end();
}

/** For the running test alone. */
async function set(statement: string, undo: string): Promise<void> {
  await administrate(statement);
  onTestFinished(() => administrate(undo));
}

function urlOf(more = '', { user = 'hub', password = PASSWORD } = {}): string {
  const url = new URL(server.url());
  url.username = user;
  url.password = encodeURIComponent(password);
  return url.href + more;
}

async function open(url = urlOf()): Promise<Client> {
  const client = await connect(readAddress(url), 'test');
  onTestFinished(() => client.end());
  return client;
}

async function refusal(url: string): Promise<JournalError> {
  try {
    await open(url);
  } catch (error) {
    return error as JournalError;
  }
  throw new Error('it was not refused');
}

async function shown(client: Client, setting: string): Promise<unknown> {
  const { rows } = await client.query(`SHOW ${setting}`);
  return rows[0][setting];
}

describe('a session', () => {
  it.each([
    ['synchronous_commit', 'off', 'on'],
    ['default_transaction_isolation', 'serializable', 'read committed'],
    ['default_transaction_read_only', 'on', 'off'],
    ['statement_timeout', '50s', '0'],
    ['lock_timeout', '50s', '0'],
    ['idle_session_timeout', '50s', '0'],
    ['search_path', 'public', 'hms_sync'],
  ])('has what it needs of %s, whatever the role and the database set', async (setting, set_to, needed) => {
    await set(`ALTER ROLE hub SET ${setting} = '${set_to}'`, `ALTER ROLE hub RESET ${setting}`);
    await set(`ALTER DATABASE postgres SET ${setting} = '${set_to}'`, `ALTER DATABASE postgres RESET ${setting}`);
    const client = await open();
    expect(await shown(client, setting)).toBe(needed);
    await client.query('BEGIN');
    expect(await shown(client, setting)).toBe(needed);
    await client.query('COMMIT');
    expect(await shown(client, setting)).toBe(needed);
  });

  it('has what it needs in spite of the address', async () => {
    const client = await open(urlOf('?options=-c%20synchronous_commit%3Doff'));
    expect(await shown(client, 'synchronous_commit')).toBe('on');
  });
});

describe('is refused at once, with what to do:', () => {
  it.each([
    [
      'a wrong password',
      () => urlOf('', { password: 'secret-but-wrong' }),
      'UNWRITABLE',
      /Check the user and the password/,
    ],
    ['an unknown user', () => urlOf('', { user: 'nobody-known' }), 'UNWRITABLE', /Check the user/],
    ['an unknown database', () => urlOf().replace('/postgres', '/elsewhere'), 'UNWRITABLE', /createdb/],
    [
      'a certificate that is no file',
      () => urlOf('?sslmode=verify-full&sslrootcert=/no/such/file'),
      'UNREADABLE',
      /no\/such\/file/,
    ],
  ])('%s', async (_what, url, code, advice) => {
    const error = await refusal(url());
    expect(error).toMatchObject({ code, message: expect.stringMatching(advice) });
    expect(JSON.stringify([error, error.message, error.stack, error.cause])).not.toMatch(
      /secret-but-wrong|p@ss|p%40ss/,
    );
  });

  it('a server that may lose what it says is on disk', async () => {
    const unsafe = await PostgresServer.create({ fsync: 'off' });
    onTestFinished(() => unsafe.close());
    expect(await refusal(unsafe.url())).toMatchObject({
      code: 'UNSAFE',
      message: expect.stringMatching(/fsync = off/),
    });
  });

  it('a pooler that gives each transaction another session; not one that gives each client its own', async () => {
    const [perTransaction, perSession] = [
      await Pooler.start(server.url(), 'transaction'),
      await Pooler.start(server.url(), 'session'),
    ];
    onTestFinished(() => perTransaction.close());
    onTestFinished(() => perSession.close());
    expect(await refusal(perTransaction.url)).toMatchObject({
      code: 'UNSAFE',
      message: expect.stringMatching(/pooler.*session mode/),
    });
    expect(await shown(await open(perSession.url), 'synchronous_commit')).toBe('on');
  });

  it('a database that cannot hold every text', async () => {
    await set(`CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`, 'DROP DATABASE latin');
    const error = await refusal(urlOf().replace('/postgres', '/latin'));
    expect(error).toMatchObject({ code: 'UNSAFE', message: expect.stringMatching(/LATIN1.*--encoding=UTF8/) });
  });

  it('a read replica', async () => {
    const standby = await server.createStandby();
    onTestFinished(() => standby.close());
    expect(await refusal(standby.url())).toMatchObject({ message: expect.stringMatching(/read replica.*primary/) });
  });
});

describe('a database that cannot be reached', () => {
  /** Resolves with the first report, and then with the client. */
  function connecting() {
    const reported = Promise.withResolvers<string>();
    const reports: string[] = [];
    const client = connectOnceReachable(readAddress(urlOf()), 'test', (_level, text) => {
      reports.push(text);
      reported.resolve(text);
    });
    onTestFinished(() => client.then((open) => open.end()));
    return { client, reports, reported: reported.promise };
  }

  it('is waited for, and reported once', async () => {
    await server.stop();
    const { client, reported, reports } = connecting();
    expect(await reported).toMatch(/cannot be reached.*tries again each second/);
    await server.start();
    await client;
    expect(reports).toHaveLength(1);
  });

  it('is waited for while it has too many connections', async () => {
    await set('ALTER ROLE hub CONNECTION LIMIT 1', 'ALTER ROLE hub CONNECTION LIMIT -1');
    const only = await connect(readAddress(urlOf()), 'test');
    const { client, reported } = connecting();
    expect(await reported).toMatch(/too many connections for role "hub".*max_connections/);
    await only.end();
    await client;
  });
});

describe('TLS', () => {
  /** A port that speaks TLS in front of the server. */
  async function tlsInFront({ cert, key }: { cert: string; key: string }): Promise<string> {
    const socketPath = join(decodeURIComponent(new URL(server.url()).hostname), '.s.PGSQL.5432');
    const door = createServer((plain) => {
      plain.once('data', () => {
        plain.write('S');
        const client = new TLSSocket(plain, { isServer: true, cert, key });
        const inside = connectTcp(socketPath);
        client.on('error', () => inside.destroy());
        inside.on('error', () => client.destroy());
        client.pipe(inside).pipe(client);
      });
    });
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    onTestFinished(() => void door.close());
    return `postgres://postgres@127.0.0.1:${(door.address() as AddressInfo).port}/postgres`;
  }

  async function authority(): Promise<string> {
    const file = join(folder, 'ca.pem');
    await writeFile(file, ours.cert);
    return file;
  }

  it('verifies the server by the authority that the address names', async () => {
    const url = `${await tlsInFront(ours)}?sslmode=verify-full&sslrootcert=${await authority()}`;
    expect(await shown(await open(url), 'synchronous_commit')).toBe('on');
  });

  it.each([
    ['of a stranger', strangers, async () => `&sslrootcert=${await authority()}`, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['of an authority that is not named', ours, async () => '', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ])('refuses a certificate %s, at once', async (_whose, pair, more, code) => {
    const error = await refusal(`${await tlsInFront(pair)}?sslmode=verify-full${await more()}`);
    expect(error).toMatchObject({ code: 'UNWRITABLE', cause: { code }, message: expect.stringMatching(/sslrootcert/) });
  });

  it('refuses a certificate of another name', async () => {
    const url = (await tlsInFront(ours)).replace('127.0.0.1', 'localhost');
    const error = await refusal(`${url}?sslmode=verify-full&sslrootcert=${await authority()}`);
    expect(error).toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
    await open(`${url}?sslmode=verify-ca&sslrootcert=${await authority()}`);
  });

  it.each(['require', 'no-verify'])('encrypts without verifying: %s', async (mode) => {
    await open(`${await tlsInFront(strangers)}?sslmode=${mode}`);
  });

  it('is refused by a server without it', async () => {
    expect(await refusal(urlOf('?sslmode=verify-full'))).toMatchObject({
      code: 'UNWRITABLE',
      message: expect.stringMatching(/does not support SSL/),
    });
  });
});

describe('payloads in the log of the server', () => {
  const warning = async () => readParameterLogging(await open());

  it('are not warned of while it logs none', async () => {
    expect(await warning()).toBe('');
  });

  it.each([
    ['log_min_duration_statement', '1000'],
    ['log_statement', 'all'],
    ['log_parameter_max_length_on_error', '-1'],
  ])('are warned of with %s = %s', async (setting, value) => {
    await set(`ALTER ROLE hub SET ${setting} = '${value}'`, `ALTER ROLE hub RESET ${setting}`);
    expect(await warning()).toMatch(new RegExp(`${setting} .*Set log_parameter_max_length`));
    await set('ALTER ROLE hub SET log_parameter_max_length = 0', 'ALTER ROLE hub RESET log_parameter_max_length');
    if (setting !== 'log_parameter_max_length_on_error') expect(await warning()).toBe('');
  });
});

/** Resolves once a statement has committed, and waits for the standby to say so too. */
const UNTIL_IT_WAITS = `DO $$ BEGIN
  LOOP
    EXIT WHEN EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep');
    PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
  END LOOP;
END $$`;
const END_WAIT = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;

describe('a wait for a synchronous standby that an administrator ends', () => {
  const session = async () => {
    const journal = await openPostgresJournal({ url: urlOf() });
    onTestFinished(() => administrate('SELECT pg_reload_conf()'));
    onTestFinished(() => journal.close());
    await set(`ALTER SYSTEM SET synchronous_standby_names = 'away'`, 'ALTER SYSTEM RESET synchronous_standby_names');
    await reload('synchronous_standby_names', 'away');
    return journal;
  };

  it('is no success, though the server says so: the session ends, and what was asked for is unknown', async () => {
    const journal = await session();
    const ended = Promise.withResolvers<JournalError>();
    journal.subscribe({ committed: () => undefined, ended: ended.resolve });
    const accepting = journal.accept(sampleAccept(sampleEvent('e1')));
    await administrate(UNTIL_IT_WAITS, END_WAIT);
    await expect(accepting).rejects.toMatchObject({ code: 'FAILED', message: expect.stringMatching(/synchronous/) });
    expect((await ended.promise).code).toBe('FAILED');
  });

  it('is no answer to a hub about itself either', async () => {
    const { hubs } = await session();
    const refused = expect(hubs.join({ name: 'a', version: '1' })).rejects.toThrow(/unknown/);
    await administrate(UNTIL_IT_WAITS, END_WAIT);
    await refused;
  });
});
