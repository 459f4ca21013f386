import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { JournalError } from '../journal-error.ts';
import { FUNCTIONS } from './functions.ts';
import { HUB_FUNCTIONS } from './hub-functions.ts';
import { TOKENS } from './postgres-tokens.ts';
import { TABLES } from './schema.ts';

/** Each takes a journal from the version before to its place in this list, counted from 1. Never changed once released. */
const MIGRATIONS: readonly string[] = [TABLES + FUNCTIONS + HUB_FUNCTIONS + TOKENS];

/** Of the tables that this hub knows. */
export const VERSION = MIGRATIONS.length;

/** Held by whoever changes the tables: hubs that start at the same time wait for each other. */
const MIGRATION_LOCK = 0x48_4d_53_53;

export interface FoundJournal {
  readonly id: string;
  readonly version: number;
  /** It is the copy of another one, not finished yet. */
  readonly isCopying: boolean;
}

/** Undefined when the schema has none. */
export async function findJournal(client: Client, schema: string): Promise<FoundJournal | undefined> {
  const { rows: found } = await client.query(`SELECT to_regclass('"${schema}".journal') IS NOT NULL AS is_there`);
  if (!found[0].is_there) return undefined;
  const { rows } = await client.query('SELECT id, version, is_copying AS "isCopying" FROM journal');
  return rows[0];
}

/**
 * Makes the tables that are missing, in one transaction.
 *
 * @throws {JournalError} UNREADABLE: a newer hub has changed it
 */
export async function migrate(client: Client, schema: string): Promise<FoundJournal> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    await client.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
    const found = await findJournal(client, schema);
    const { id, version, isCopying } = found ?? { id: randomBytes(4).toString('hex'), version: 0, isCopying: false };
    if (version > VERSION) {
      throw new JournalError(
        'UNREADABLE',
        `The journal was changed by a newer hub (version ${version}; this one knows ${VERSION}). ` +
          'Install that version here, too.',
      );
    }
    for (const migration of MIGRATIONS.slice(version)) await client.query(migration);
    if (version === 0) await client.query('INSERT INTO journal VALUES ($1, $2, timeline())', [id, VERSION]);
    else await client.query('UPDATE journal SET version = $1', [VERSION]);
    await client.query('COMMIT');
    return { id, version: VERSION, isCopying };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
