import type { Socket } from 'node:net';
import { Client, type ClientConfig, types } from 'pg';
import { JournalError } from '../journal-error.ts';
import { stored } from './rows.ts';

/** Of `postgres://`, as pg reads it; the password may also come from PGPASSWORD or a passfile. */
export interface PostgresPlace {
  readonly url: string;
  /** The schema that holds the journal: lower-case letters, digits and underscores. */
  readonly schema: string;
  /** How this connection is called in pg_stat_activity. */
  readonly name: string;
}

/** The numbers of types in pg_type, which PostgreSQL never changes. */
const INT8 = 20;
const INT8_ARRAY = 1016;
const TEXT = 25;

/** How values are read: seq, positions and beats are far below 2^53. */
const readers = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === INT8) return Number;
    if (oid === TEXT) return stored;
    if (oid === INT8_ARRAY) return (text: string) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(Number));
    return types.getTypeParser(oid, format);
  },
};

/**
 * What a session must have, whatever the role or the database sets: a commit that returned is on disk, statements see
 * what was committed before them, and plans use the indexes even while a table is believed to be empty.
 */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['synchronous_commit', 'on'],
  ['default_transaction_isolation', 'read committed'],
  ['statement_timeout', '0'],
  ['lock_timeout', '0'],
  ['idle_in_transaction_session_timeout', '10s'],
  ['enable_seqscan', 'off'],
  ['enable_hashjoin', 'off'],
  ['enable_mergejoin', 'off'],
  ['enable_bitmapscan', 'off'],
  ['plan_cache_mode', 'force_generic_plan'],
  ['jit', 'off'],
  ['client_encoding', 'UTF8'],
];

/** Of the server: without these a commit that returned can be lost, or a damaged page is read as if it were whole. */
const REQUIRED: Readonly<Record<string, string>> = { fsync: 'on', full_page_writes: 'on' };

/** The oldest that the functions are tested with. */
const VERSION_MIN = 150_000;

const CONNECT_TIMEOUT_MS = 5_000;
/** A connection on which nothing goes on is asked after this whether its other end is still there. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Connects, and reads back what the session was promised.
 *
 * @throws {JournalError} UNWRITABLE: it cannot be reached, or may not be used; UNSAFE: what it promises is not kept
 */
export async function connect({ url, schema, name }: PostgresPlace): Promise<Client> {
  const client = new Client({
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    pipeline: true,
    types: readers,
  } as ClientConfig);
  // A connection that breaks says so to whoever waits for an answer; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const settings = [...SETTINGS, ['search_path', schema] as const];
    await client.query(
      `SELECT ${settings.map(([key, value]) => `set_config('${key}', '${value}', false)`).join(', ')}`,
    );
    await requireSettings(client, schema);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw connectError(placeOf(url), error);
  }
}

/** Ends a connection on which nothing may come through any more: its end is not waited for. */
export function drop(client: Client): void {
  (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream.destroy();
}

async function requireSettings(client: Client, schema: string): Promise<void> {
  const { rows } = await client.query({
    text: `SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('synchronous_commit'),
      current_setting('fsync'), current_setting('full_page_writes'), current_setting('search_path')`,
    rowMode: 'array',
  });
  const [version, isReplica, commit, fsync, pages, path] = rows[0] as [number, boolean, string, string, string, string];
  if (version < VERSION_MIN) {
    throw new JournalError('UNSAFE', `PostgreSQL is too old (${version}): use version 15 or newer.`);
  }
  if (isReplica) {
    throw new JournalError(
      'UNWRITABLE',
      'The server is a read replica: name the primary, or a name that always leads to it.',
    );
  }
  for (const [setting, value] of Object.entries({ fsync, full_page_writes: pages })) {
    if (value === REQUIRED[setting]) continue;
    throw new JournalError(
      'UNSAFE',
      `The server has ${setting} = ${value}, so what it says is on disk can be lost. Set it to ${REQUIRED[setting]}.`,
    );
  }
  if (commit !== 'on' || path !== schema) {
    throw new JournalError(
      'UNSAFE',
      `The server does not keep the settings of a session (synchronous_commit = ${commit}, search_path = ${path}). ` +
        'Connect to it directly, or through a pooler in session mode.',
    );
  }
}

/** The place without its password, for messages. */
export function placeOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `postgres://${host}${pathname}`;
  } catch {
    return 'the journal’s database';
  }
}

function connectError(place: string, error: unknown): JournalError {
  if (error instanceof JournalError) return new JournalError(error.code, `${place}: ${error.message}`);
  const { code = '', message } = error as Error & { code?: string };
  const advice = ADVICE[code] ?? 'Check that the server runs, that it is reached from here, and the address.';
  return new JournalError('UNWRITABLE', `${place} cannot be used (${message}). ${advice}`, { cause: error });
}

/** By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'Check the user and the password, which may come from PGPASSWORD.',
  '28000': 'Check the user, and what pg_hba.conf lets in.',
  '3D000': 'Create the database first: createdb.',
  '42501': 'Give the user the right to make a schema in the database: GRANT CREATE ON DATABASE.',
  '53300': 'Raise max_connections: a hub takes three.',
};
