import type { Socket } from 'node:net';
import { setTimeout as elapse } from 'node:timers/promises';
import { Client, type ClientConfig, types } from 'pg';
import { JournalError } from '../journal-error.ts';
import type { DatabaseAddress } from './database-address.ts';
import { stored } from './rows.ts';

/** Reports to the operator who reads the log. */
export type Report = (level: 'info' | 'warn', text: string) => void;

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
const SETTINGS: Readonly<Record<string, string>> = {
  synchronous_commit: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  statement_timeout: '0',
  transaction_timeout: '0',
  lock_timeout: '0',
  idle_session_timeout: '0',
  idle_in_transaction_session_timeout: '10s',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_bitmapscan: 'off',
  plan_cache_mode: 'force_generic_plan',
  jit: 'off',
  client_encoding: 'UTF8',
};

/** Those of two columns that this version of the server has. */
const KNOWN_SETTINGS =
  'unnest($1::text[], $2::text[]) AS wanted (name, value) WHERE current_setting(name, true) IS NOT NULL';

/** Of the server: without these a commit that returned can be lost, or a damaged page is read as if it were whole. */
const REQUIRED: Readonly<Record<string, string>> = { fsync: 'on', full_page_writes: 'on' };

/** The oldest that the functions are tested with. */
const VERSION_MIN = 150_000;

const CONNECT_TIMEOUT_MS = 5_000;
const TRY_AGAIN_MS = 1_000;
const REPORT_AGAIN_MS = 30_000;

/**
 * Connects, and reads back what the session was promised.
 *
 * @param name how the connection is called in pg_stat_activity
 * @throws {JournalError} UNREACHABLE: now; UNWRITABLE: it may not be used; UNSAFE: what it promises is not kept
 */
export async function connect({ url, schema, location }: DatabaseAddress, name: string): Promise<Client> {
  let client: Client | undefined;
  try {
    client = new Client({
      connectionString: url,
      application_name: name,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      pipeline: true,
      types: readers,
    } as ClientConfig);
    // A connection that breaks says so to whoever waits for an answer; without a listener it would end the process.
    client.on('error', () => undefined);
    await client.connect();
    const settings = Object.entries({ ...SETTINGS, search_path: schema });
    await client.query(`SELECT set_config(name, value, false) FROM ${KNOWN_SETTINGS}`, columns(settings));
    await requireServer(client);
    await requireSettings(client, settings);
    await requireOwnSession(client, url);
    return client;
  } catch (error) {
    if (client !== undefined) await endConnection(client);
    throw connectError(location, error);
  }
}

/**
 * Connects as soon as the database can be reached, so that a hub that starts before it needs nobody to start it again.
 *
 * @throws {JournalError} what waiting does not change
 */
export async function connectOnceReachable(address: DatabaseAddress, name: string, report: Report): Promise<Client> {
  let reportAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return await connect(address, name);
    } catch (error) {
      const { code, message } = error as JournalError;
      if (code !== 'UNREACHABLE') throw error;
      if (performance.now() >= reportAtMs) {
        report('warn', `${message} The hub tries again each second, and starts once it can.`);
        reportAtMs = performance.now() + REPORT_AGAIN_MS;
      }
      await elapse(TRY_AGAIN_MS);
    }
  }
}

/** What is on its way is not waited for longer than this. */
const END_MS = 2_000;

/** Ends a connection, also one on which nothing comes through. */
export async function endConnection(client: Client): Promise<void> {
  const { promise: timeIsUp, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, END_MS);
  await Promise.race([client.end().catch(() => undefined), timeIsUp]);
  clearTimeout(timer);
  dropConnection(client);
}

/** At once, whatever is on its way. */
export function dropConnection(client: Client): void {
  (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream.destroy();
}

function columns(rows: readonly (readonly [string, string])[]): [string[], string[]] {
  return [rows.map(([name]) => name), rows.map(([, value]) => value)];
}

async function requireServer(client: Client): Promise<void> {
  const { rows } = await client.query({
    text: `SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('fsync'),
      current_setting('full_page_writes')`,
    rowMode: 'array',
  });
  const [version, isReplica, fsync, pages] = rows[0] as [number, boolean, string, string];
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
}

/** They are those of the session only if the next transaction has them too. */
async function requireSettings(client: Client, settings: readonly (readonly [string, string])[]): Promise<void> {
  const { rows } = await client.query<{ name: string; found: string }>(
    `SELECT name, current_setting(name) AS found FROM ${KNOWN_SETTINGS} AND current_setting(name) <> value`,
    columns(settings),
  );
  if (rows.length === 0) return;
  const found = rows.map((row) => `${row.name} = ${row.found}`).join(', ');
  throw new JournalError(
    'UNSAFE',
    `The server does not keep the settings of a session (${found}). ` +
      'Connect to it directly, or through a pooler in session mode.',
  );
}

/**
 * Behind a pooler, which shows by the number of the process that the client was told, another client must get another
 * session while this one has none to do: else what a session keeps is now here, now there.
 *
 * @throws {JournalError} UNSAFE
 */
async function requireOwnSession(client: Client, url: string): Promise<void> {
  const process = await readProcess(client);
  if (process === (client as unknown as { readonly processID: number }).processID) return;
  const other = new Client({ connectionString: url, query_timeout: CONNECT_TIMEOUT_MS });
  other.on('error', () => undefined);
  try {
    await other.connect();
    await other.query('BEGIN');
    if ((await readProcess(other)) !== process && (await readProcess(client)) === process) return;
  } finally {
    await endConnection(other);
  }
  throw new JournalError(
    'UNSAFE',
    'A pooler gives each transaction another session. Connect to the server directly, or through a pooler in session mode.',
  );
}

async function readProcess(client: Client): Promise<number> {
  const { rows } = await client.query<{ process: number }>('SELECT pg_backend_pid() AS process');
  return rows[0]?.process ?? 0;
}

/** Where the server may write payloads to its own log, for the log of the hub; empty: nowhere. */
export async function readParameterLogging(client: Client): Promise<string> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings WHERE name = ANY ($1)`,
    [['log_statement', ...LOGGED_BY_DURATION, 'log_transaction_sample_rate', ...PARAMETER_LENGTHS]],
  );
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
  const [length, lengthOnError] = PARAMETER_LENGTHS.map((name) => settings.get(name));
  const logs = [
    ...(settings.get('log_statement') === 'all' ? ['log_statement = all'] : []),
    ...LOGGED_BY_DURATION.filter((name) => Number(settings.get(name)) >= 0).map((name) => `${name} is set`),
    ...(Number(settings.get('log_transaction_sample_rate')) > 0 ? ['log_transaction_sample_rate is set'] : []),
  ];
  const causes = [
    ...(length !== '0' ? logs.map((log) => `${log} and log_parameter_max_length is not 0`) : []),
    ...(lengthOnError !== '0' ? ['log_parameter_max_length_on_error is not 0'] : []),
  ];
  if (causes.length === 0) return '';
  const advice = 'Set log_parameter_max_length and log_parameter_max_length_on_error to 0 for the role of the hubs.';
  return `PostgreSQL may write payloads to its own log, as ${causes.join(', and ')}. ${advice}`;
}

const LOGGED_BY_DURATION = ['log_min_duration_statement', 'log_min_duration_sample'];
const PARAMETER_LENGTHS = ['log_parameter_max_length', 'log_parameter_max_length_on_error'];

/**
 * The answer that follows says success, and may be wrong: an administrator ended the wait for a synchronous standby, so
 * the commit is on the primary alone. PostgreSQL says it by a warning without a class of its own, in any language.
 */
export function isUnknownCommit({ code }: { readonly code?: string | undefined }): boolean {
  return code === '01000';
}

function connectError(location: string, error: unknown): JournalError {
  if (error instanceof JournalError) return new JournalError(error.code, `${location}: ${error.message}`);
  const { code = '', message, syscall, path } = error as NodeJS.ErrnoException;
  if (syscall === 'open') {
    return new JournalError('UNREADABLE', `${location}: the file ${path} cannot be read (${code}).`, { cause: error });
  }
  const why = message || code;
  if (UNREACHABLE.test(code) || (code === '' && UNREACHABLE_WITHOUT_CODE.test(message))) {
    const advice = ADVICE[code] ?? 'Check that the server runs, that it is reached from here, and the address.';
    return new JournalError('UNREACHABLE', `${location} cannot be reached (${why}). ${advice}`, { cause: error });
  }
  const advice = ADVICE[code] ?? 'Check the address, and that the server is one that the hub can use.';
  return new JournalError('UNWRITABLE', `${location} cannot be used (${why}). ${advice}`, { cause: error });
}

/**
 * What time may change: of the network, by Node; and of the server, by SQLSTATE: it starts or stops, or has as many
 * connections as it may have.
 */
const UNREACHABLE =
  /^(ECONN\w+|ENOENT|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|E(HOST|NET)(UNREACH|DOWN)|EPIPE|08...|53300|57P0[1-3])$/;
const UNREACHABLE_WITHOUT_CODE = /timeout|terminated/i;

const NAME_AUTHORITY = 'Name the file of its authority in the address: sslrootcert=/etc/ssl/database-ca.pem.';

/** By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), or by the code of Node. */
const ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'Check the user and the password, which may come from a secret, PGPASSWORD or a passfile.',
  '28000': 'Check the user, and what pg_hba.conf lets in.',
  '3D000': 'Create the database first: createdb.',
  '42501': 'Give the user the right to make a schema in the database: GRANT CREATE ON DATABASE.',
  '53300': 'Raise max_connections, also of the role and of the database: a hub takes two.',
  '57P03': 'It is starting up, or stopping.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Name the server as its certificate does.',
  DEPTH_ZERO_SELF_SIGNED_CERT: NAME_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: NAME_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NAME_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NAME_AUTHORITY,
};
