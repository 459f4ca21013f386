import { isIPv4 } from 'node:net';
import { JournalError } from '../journal-error.ts';

const DEFAULT_SCHEMA = 'hms_sync';
const SCHEMA = /^[a-z_][a-z0-9_]{0,40}$/;

/** What each `sslmode` leaves open, by libpq's names and `no-verify`, which is pg's; empty: nothing. */
const OPEN_BY_MODE: Readonly<Record<string, string>> = {
  'verify-full': '',
  'verify-ca': 'whoever has a certificate of that authority can pose as the database',
  require: 'whoever is between can pose as the database and read everything',
  'no-verify': 'whoever is between can pose as the database and read everything',
  disable: 'everything goes in clear',
};

/** Where the journal's database is, as its URL says. */
export interface DatabaseAddress {
  /** For pg, with what was decided about TLS. The password may be in it. */
  readonly url: string;
  /** The schema that holds the journal: lower-case letters, digits and underscores. */
  readonly schema: string;
  /** Without the password, for messages. */
  readonly location: string;
  /** What is not safe about the way there, for the log; empty: nothing. */
  readonly warning: string;
}

/**
 * Reads `postgres://<user>@<host>:5432/<database>`, and what pg knows behind a `?`; `schema=` names the journal's schema.
 * Beyond this machine the server's certificate and name are verified, unless the URL itself says otherwise: neither
 * PGSSLMODE nor a default of pg does.
 *
 * @throws {JournalError} UNREADABLE
 */
export function readAddress(text: string): DatabaseAddress {
  const url = new URL(text);
  const schema = take(url, 'schema') ?? DEFAULT_SCHEMA;
  if (!SCHEMA.test(schema)) throw wrong('schema= must be lower-case letters, digits and "_"');
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  const isLocal = isThisMachine(host);
  const mode = take(url, 'sslmode') ?? (isLocal ? 'disable' : 'verify-full');
  const leftOpen = OPEN_BY_MODE[mode];
  if (leftOpen === undefined) throw wrong(`sslmode= must be one of ${Object.keys(OPEN_BY_MODE).join(', ')}`);
  // An older word of pg for sslmode; the modes are to mean what libpq means by them.
  for (const name of ['ssl', 'uselibpqcompat']) url.searchParams.delete(name);
  // What psql calls the authorities that the system knows: those are the default here.
  if (url.searchParams.get('sslrootcert') === 'system') url.searchParams.delete('sslrootcert');
  if (mode !== 'no-verify') url.searchParams.set('uselibpqcompat', 'true');
  url.searchParams.set('sslmode', mode);
  if (mode === 'verify-ca' && !url.searchParams.has('sslrootcert'))
    throw wrong('sslmode=verify-ca needs sslrootcert=<file>');
  return {
    url: url.href,
    schema,
    location: `postgres://${url.host}${url.pathname}`,
    warning:
      isLocal || leftOpen === '' ? '' : `sslmode=${mode} in the address of the journal: ${leftOpen}; use verify-full`,
  };
}

/** A Unix socket, which is named by its folder, or the loopback. */
function isThisMachine(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '');
  return (
    name === '' ||
    name.startsWith('/') ||
    name === 'localhost' ||
    name === '::1' ||
    (isIPv4(name) && name.startsWith('127.'))
  );
}

function take(url: URL, name: string): string | undefined {
  const value = url.searchParams.get(name);
  url.searchParams.delete(name);
  return value ?? undefined;
}

function wrong(what: string): JournalError {
  return new JournalError(
    'UNREADABLE',
    `The address of the journal (journal, HMS_SYNC_JOURNAL or --journal): ${what}.`,
  );
}
