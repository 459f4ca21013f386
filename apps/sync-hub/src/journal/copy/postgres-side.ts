import { Buffer } from 'node:buffer';
import type { Client } from 'pg';
import { JournalError } from '../journal-error.ts';
import { connect } from '../postgres/connection.ts';
import { type DatabaseAddress, readAddress } from '../postgres/database-address.ts';
import { findJournal, migrate, VERSION } from '../postgres/migrations.ts';
import { storable } from '../postgres/rows.ts';
import {
  type CopySource,
  type CopyTarget,
  columnNames,
  firstKey,
  type Identity,
  type Row,
  TABLES,
  type TableName,
} from './copied-tables.ts';

/** Rows that are read at a time; events may have payloads of some hundred KiB. */
const FETCH_ROWS = 1_000;
const FETCH_EVENTS = 100;

/**
 * Opens the journal on a PostgreSQL to be copied. Nothing is written to it meanwhile: the lock that puts all writes in one
 * order is held.
 *
 * @throws {JournalError} UNREACHABLE, UNWRITABLE, UNSAFE, UNREADABLE; IN_USE by a hub
 */
export async function openPostgresSource(url: string): Promise<CopySource> {
  const address = readAddress(url);
  const client = await connect(address, 'hms-sync journal copy');
  try {
    const found = await findJournal(client, address.schema);
    if (found === undefined || found.isCopying) {
      const what = found === undefined ? 'There is no journal' : 'There is only an unfinished copy';
      throw new JournalError('UNREADABLE', `${what} in the schema ${address.schema} of ${address.location}.`);
    }
    if (found.version !== VERSION) {
      throw new JournalError(
        'UNREADABLE',
        `The journal ${address.location} is of version ${found.version}, and this hub copies version ${VERSION}. ` +
          'Start this hub on it once, which upgrades it.',
      );
    }
    await lock(client, address);
    return new PostgresSource(client, address);
  } catch (error) {
    await client.end();
    throw error;
  }
}

/**
 * Makes a schema without a journal, or with one that has no events, the target of a copy. No hub can open it before the
 * copy is finished.
 *
 * @throws {JournalError} UNREACHABLE, UNWRITABLE, UNSAFE, UNREADABLE; IN_USE by a hub
 */
export async function openPostgresTarget(url: string): Promise<CopyTarget> {
  const address = readAddress(url);
  const client = await connect(address, 'hms-sync journal copy');
  try {
    await migrate(client, address.schema);
    await lock(client, address);
    return new PostgresTarget(client, address);
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** Until the session ends. */
async function lock(client: Client, address: DatabaseAddress): Promise<void> {
  await requireNoHub(client, address);
  // Between two reads the other side is written, however long that takes.
  await client.query('SET idle_in_transaction_session_timeout = 0');
  const { rows } = await client.query(`SELECT pg_try_advisory_lock('journal'::regclass::oid::int, 0) AS is_locked`);
  if (rows[0].is_locked) return;
  throw new JournalError('IN_USE', `The journal ${address.location} is in use. Stop its hubs, and other copies of it.`);
}

async function requireNoHub(client: Client, { location }: DatabaseAddress): Promise<void> {
  const { rows } = await client.query(
    `SELECT name FROM hub WHERE beat_at > clock_timestamp() - interval '1 minute' ORDER BY name LIMIT 1`,
  );
  if (rows.length === 0) return;
  throw new JournalError(
    'IN_USE',
    `The hub ${rows[0].name} used the journal ${location} within the last minute. Stop the hubs; after a hub was killed, wait a minute.`,
  );
}

class PostgresSource implements CopySource {
  readonly location: string;
  protected readonly client: Client;
  protected readonly address: DatabaseAddress;

  constructor(client: Client, address: DatabaseAddress) {
    this.client = client;
    this.address = address;
    this.location = `${address.location} (schema ${address.schema})`;
  }

  async identity(): Promise<Identity> {
    const { rows } = await this.client.query('SELECT id, positions_after, unique_ids_to_seq FROM journal');
    const [{ id, positions_after: positionsAfter, unique_ids_to_seq: uniqueIdsToSeq }] = rows;
    return { id, positionsAfter, uniqueIdsToSeq };
  }

  async *read(table: TableName, after: Row = firstKey(table)): AsyncGenerator<Row> {
    const count = table === 'event' ? FETCH_EVENTS : FETCH_ROWS;
    await this.client.query('BEGIN READ ONLY');
    try {
      await this.client.query(`DECLARE reading NO SCROLL CURSOR FOR ${SELECTS[table]}`, after.map(storable));
      for (;;) {
        const { rows } = await this.client.query({ text: `FETCH ${count} FROM reading`, rowMode: 'array' });
        yield* rows as unknown as Row[];
        if (rows.length < count) return;
      }
    } finally {
      await this.client.query('ROLLBACK');
    }
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}

class PostgresTarget extends PostgresSource implements CopyTarget {
  async begin({ id, positionsAfter, uniqueIdsToSeq }: Identity): Promise<void> {
    const { rows } = await this.client.query(
      'SELECT id, is_copying, EXISTS (SELECT 1 FROM event) AS has_events FROM journal',
    );
    const [found] = rows;
    if (found.is_copying) {
      if (found.id === id) return;
      throw new JournalError(
        'UNREADABLE',
        `${this.location} is the unfinished copy of another journal: remove it first (DROP SCHEMA ${this.address.schema} CASCADE).`,
      );
    }
    if (found.has_events) {
      throw new JournalError('UNREADABLE', `${this.location} has events: copy into a schema whose journal has none.`);
    }
    await this.#inTransaction(async () => {
      // What a hub left that was once started on it.
      const lanes = await this.client.query('SELECT places::text AS places FROM lane');
      for (const { places } of lanes.rows) await this.client.query(`DROP SEQUENCE ${places}`);
      for (const table of ['lane', 'watched_key', 'replay_job']) await this.client.query(`DELETE FROM ${table}`);
      await this.client.query(
        'UPDATE journal SET id = $1, positions_after = $2, unique_ids_to_seq = $3, is_copying = true',
        [id, positionsAfter, uniqueIdsToSeq],
      );
    });
  }

  async last(table: TableName): Promise<Row | undefined> {
    const { rows } = await this.client.query({ text: LAST[table], rowMode: 'array' });
    return rows[0] as Row | undefined;
  }

  async write(table: TableName, rows: readonly Row[]): Promise<void> {
    const columns = columnNames(table).map((_, place) => rows.map((row) => row[place] ?? null));
    await this.#inTransaction(async () => {
      if (table === 'lane') for (const [number] of rows) await this.client.query(`CREATE SEQUENCE place_${number}`);
      if (table === 'replay_job')
        columns.push(rows.map(([, , job]) => Number(JSON.parse(String(job)).state === 'running')));
      await this.client.query(INSERTS[table], columns.map(storableColumn));
    });
  }

  async finish(): Promise<void> {
    await requireNoHub(this.client, this.address);
    await this.#inTransaction(async () => {
      await this.client.query(`SELECT setval('event_seq', max(seq)) FROM event HAVING max(seq) > 0`);
      // What waits for its first attempt has a place that was given.
      await this.client.query(`
        SELECT setval(lane.places, greatest(1, round(max(due_at_ms) * 1000))::bigint)
        FROM delivery JOIN lane ON number = delivery.adapter WHERE is_head AND state = 0 GROUP BY lane.places`);
      await this.client.query('UPDATE journal SET is_copying = false');
    });
  }

  async #inTransaction(run: () => Promise<void>): Promise<void> {
    await this.client.query('BEGIN');
    try {
      await run();
      await this.client.query('COMMIT');
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }
}

function storableColumn(values: readonly unknown[]): unknown {
  return values.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : storable(value)));
}

const RECORD_COLUMNS = columnNames('record').join(', ');

const SELECTS: Readonly<Record<TableName, string>> = {
  lane: `
    SELECT number, adapter, receives::int, holds::int, pruned_to, breaker_state, breaker_since_ms, breaker_cause,
      pause_reason, pause_since_ms
    FROM lane WHERE number > $1 ORDER BY number`,
  event: `
    SELECT seq, id, source, type, key, time_ms, content_type, attributes, content_hash, accepted_at_ms, data_checksum,
      published_by, coalesce((SELECT string_agg(n::text, ',' ORDER BY n) FROM unnest(adapters) AS n), ''), data
    FROM event WHERE seq > $1 ORDER BY seq`,
  delivery: `
    SELECT e.seq, n, e.key, coalesce(d.state, r.state), coalesce(d.cycle, r.cycle), coalesce(d.attempts, r.attempts),
      coalesce(d.spent, r.spent), coalesce(d.crashes, r.crashes), coalesce(d.reopened_at_ms, r.reopened_at_ms),
      d.is_head::int, d.may_follow::int, d.may_have_run::int, d.due_at_ms, d.not_before_ms, d.since_ms
    FROM event e CROSS JOIN unnest(e.adapters) AS n
      LEFT JOIN delivery d ON d.seq = e.seq AND d.adapter = n
      LEFT JOIN LATERAL (SELECT * FROM record WHERE record.seq = e.seq AND record.adapter = n AND d.seq IS NULL
        ORDER BY position DESC LIMIT 1) AS r ON true
    WHERE e.seq >= $1 AND (e.seq, n) > ($1, $2) ORDER BY e.seq, n`,
  record: `SELECT ${RECORD_COLUMNS} FROM record WHERE (adapter, position) > ($1, $2) ORDER BY adapter, position`,
  watched_key: `
    SELECT adapter, key, newest_delivered_seq FROM watched_key WHERE (adapter, key COLLATE "C") > ($1, $2)
    ORDER BY adapter, key COLLATE "C"`,
  replay_job: `
    SELECT id, created_at_ms, content FROM replay_job WHERE id COLLATE "C" > $1 ORDER BY id COLLATE "C"`,
};

const LAST: Readonly<Record<TableName, string>> = {
  lane: 'SELECT number FROM lane ORDER BY number DESC LIMIT 1',
  event: 'SELECT seq FROM event ORDER BY seq DESC LIMIT 1',
  // Those that are settled have no row: behind the last one that has, they are asked for again.
  delivery: 'SELECT seq, adapter FROM delivery ORDER BY seq DESC, adapter DESC LIMIT 1',
  record: 'SELECT adapter, position FROM record ORDER BY adapter DESC, position DESC LIMIT 1',
  watched_key: 'SELECT adapter, key FROM watched_key ORDER BY adapter DESC, key COLLATE "C" DESC LIMIT 1',
  replay_job: 'SELECT id FROM replay_job ORDER BY id COLLATE "C" DESC LIMIT 1',
};

const TYPES = { int: 'bigint', real: 'float8', text: 'text', bytes: 'bytea' } as const;

const INSERTS: Readonly<Record<TableName, string>> = {
  lane: `
    INSERT INTO lane (number, adapter, places, receives, holds, pruned_to, breaker_state, breaker_since_ms,
      breaker_cause, pause_reason, pause_since_ms)
    SELECT number, adapter, ('place_' || number)::regclass, receives = 1, holds = 1, pruned_to, breaker_state,
      breaker_since_ms, breaker_cause, pause_reason, pause_since_ms FROM ${said('lane')}`,
  event: `
    INSERT INTO event (seq, id, source, type, key, time_ms, content_type, attributes, content_hash, accepted_at_ms,
      adapters, data_checksum, published_by, data)
    SELECT seq, id, source, type, key, time_ms, content_type, attributes, content_hash, accepted_at_ms,
      string_to_array(adapters, ',')::int[], data_checksum, published_by, data FROM ${said('event')}`,
  delivery: `
    INSERT INTO delivery (adapter, seq, key, state, is_head, may_follow, may_have_run, due_at_ms, not_before_ms,
      since_ms, cycle, attempts, spent, crashes, reopened_at_ms)
    SELECT adapter, seq, key, state, is_head = 1, may_follow = 1, may_have_run = 1, due_at_ms, not_before_ms,
      since_ms, cycle, attempts, spent, crashes, reopened_at_ms FROM ${said('delivery')} WHERE is_head IS NOT NULL`,
  record: `INSERT INTO record (${RECORD_COLUMNS}) SELECT * FROM ${said('record')}`,
  watched_key: `INSERT INTO watched_key (adapter, key, newest_delivered_seq) SELECT * FROM ${said('watched_key')}`,
  replay_job: `
    INSERT INTO replay_job (id, created_at_ms, is_running, content)
    SELECT id, created_at_ms, runs = 1, content
    FROM unnest($1::text[], $2::float8[], $3::text[], $4::int[]) AS said (id, created_at_ms, content, runs)`,
};

/** The rows that are inserted, a parameter for each column. */
function said(table: TableName): string {
  const kinds: readonly (keyof typeof TYPES)[] = Object.values(TABLES[table].columns);
  const parameters = kinds.map((kind, place) => `$${place + 1}::${TYPES[kind]}[]`);
  return `unnest(${parameters.join(', ')}) AS said (${columnNames(table).join(', ')})`;
}
