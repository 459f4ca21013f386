import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { JournalError } from '../journal-error.ts';
import { FUNCTIONS } from './functions.ts';
import { TOKENS } from './postgres-tokens.ts';
import { TABLES } from './schema.ts';

/** Each takes a journal from the version before to its place in this list, counted from 1. Never changed once released. */
const MIGRATIONS: readonly string[] = [TABLES + FUNCTIONS + TOKENS];

/** Held by whoever changes the tables: hubs that start at the same time wait for each other. */
const MIGRATION_LOCK = 0x48_4d_53_53;

/**
 * Makes the tables that are missing, in one transaction.
 *
 * @returns the id of the journal
 * @throws {JournalError} UNREADABLE: a newer hub has changed it
 */
export async function migrate(client: Client, schema: string): Promise<string> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    const { rows: found } = await client.query(`SELECT to_regclass('${schema}.journal') IS NOT NULL AS is_there`);
    const { rows } = found[0].is_there ? await client.query('SELECT id, version FROM journal') : { rows: [] };
    const { id = randomBytes(4).toString('hex'), version = 0 } = rows[0] ?? {};
    if (version > MIGRATIONS.length) {
      throw new JournalError(
        'UNREADABLE',
        `The journal was changed by a newer hub (version ${version}; this one knows ${MIGRATIONS.length}). ` +
          'Install that version here, too.',
      );
    }
    for (const migration of MIGRATIONS.slice(version)) await client.query(migration);
    if (version === 0) await client.query('INSERT INTO journal VALUES ($1, $2, timeline())', [id, MIGRATIONS.length]);
    else await client.query('UPDATE journal SET version = $1', [MIGRATIONS.length]);
    await client.query('COMMIT');
    return id;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
