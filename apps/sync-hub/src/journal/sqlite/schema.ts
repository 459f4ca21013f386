import type { DatabaseSync } from 'node:sqlite';
import { copyRows } from './upgrade.ts';

/** "HMSS": marks a SQLite file as a journal of this hub. */
export const APPLICATION_ID = 0x48_4d_53_53;

/** Of the tables below. What takes older ones there is in upgrade.ts. */
export const VERSION = 4;

/**
 * - seq is counted on from the newest row, so whatever deletes old rows keeps the newest one.
 * - The positions of each lane are counted on from its newest record, or from adapter.pruned_to, that of the newest
 *   record which was deleted, or from journal.positions_after: the newest cursor of version 2, which all lanes shared, so
 *   that an old cursor means of each lane what it meant of all.
 * - journal.unique_ids_to_seq: the newest event of version 2, for which an id was unique over all sources.
 * - delivery is stored beside its siblings (no rowid): accepting an event touches one page of it. Only what is not
 *   settled, and what is a dead letter, is indexed: the indexes stay as small as the work that is left.
 * - delivery.is_head and due_at_ms are the rule of heads.ts: delivery_head has the heads of a lane in the order in which
 *   they become ready. Without a head, due_at_ms is what it last was.
 * - adapter.receives: new events go to it; adapter.holds: a dead letter holds its key there.
 * - watched_key has a row for each adapter and key with a dead letter, and says what was delivered of the key since:
 *   a delivery that is delivered asks it only while its adapter has such keys, so health costs nothing.
 * - A record without an attempt keeps in message why it was made: what the operator who discarded it said, or that the
 *   replayed delivery is stale. It is null for what was skipped.
 * - Times come from publishers and clocks and may have fractions of a millisecond: REAL. SQLite stores a whole one as
 *   an integer anyway.
 * - state and outcome are the numbers of codes.ts, checksum is that of row-checksum.ts. Those of an event are before its
 *   payload, so that whoever reads the row without it reads none of its pages.
 */
const TABLES = `
  CREATE TABLE journal (
    id TEXT NOT NULL,
    positions_after INTEGER NOT NULL,
    unique_ids_to_seq INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE adapter (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    receives INTEGER NOT NULL DEFAULT 0,
    holds INTEGER NOT NULL DEFAULT 0,
    pruned_to INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    key TEXT NOT NULL,
    time_ms REAL NOT NULL,
    content_type TEXT NOT NULL,
    attributes TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    accepted_at_ms REAL NOT NULL,
    data_checksum INTEGER NOT NULL,
    published_by TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (id, source)
  ) STRICT;

  CREATE TABLE delivery (
    seq INTEGER NOT NULL REFERENCES event (seq),
    adapter INTEGER NOT NULL REFERENCES adapter (number),
    key TEXT NOT NULL,
    state INTEGER NOT NULL,
    is_head INTEGER NOT NULL,
    may_follow INTEGER NOT NULL,
    may_have_run INTEGER NOT NULL,
    due_at_ms REAL NOT NULL,
    not_before_ms REAL NOT NULL,
    since_ms REAL NOT NULL,
    cycle INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    reopened_at_ms REAL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (seq, adapter)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE record (
    adapter INTEGER NOT NULL,
    position INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    version TEXT NOT NULL,
    state INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    at_ms REAL NOT NULL,
    next_attempt_at_ms REAL NOT NULL,
    outcome INTEGER,
    started_at_ms REAL,
    duration_ms REAL,
    receipt TEXT,
    code TEXT,
    message TEXT,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (adapter, position)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE watched_key (
    adapter INTEGER NOT NULL REFERENCES adapter (number),
    key TEXT NOT NULL,
    newest_delivered_seq INTEGER NOT NULL,
    PRIMARY KEY (adapter, key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE replay_job (
    id TEXT PRIMARY KEY,
    created_at_ms REAL NOT NULL,
    content TEXT NOT NULL
  ) STRICT;

  CREATE TABLE breaker (
    adapter TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    since_ms REAL NOT NULL,
    cause TEXT NOT NULL
  ) STRICT;

  CREATE TABLE lane_pause (
    adapter TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    since_ms REAL NOT NULL
  ) STRICT;
`;

const INDEXES = `
  CREATE INDEX delivery_open ON delivery (adapter, seq) WHERE state < 2;
  CREATE INDEX delivery_open_of_key ON delivery (key, adapter, seq) WHERE state < 2 AND key <> '';
  CREATE INDEX delivery_head ON delivery (adapter, due_at_ms, seq) WHERE is_head = 1;
  CREATE INDEX delivery_behind ON delivery (adapter, seq) WHERE state = 1 AND is_head = 0;
  CREATE INDEX delivery_dead ON delivery (adapter, seq) WHERE state = 4;
  CREATE INDEX delivery_dead_of_key ON delivery (key, adapter, seq) WHERE state = 4 AND key <> '';
  CREATE INDEX record_of_delivery ON record (seq, adapter);
`;

/** Takes a journal from its version (0: none) to the present one, in one transaction. Does nothing when it is there. */
export function migrate(database: DatabaseSync, fromVersion: number): void {
  if (fromVersion === VERSION) return;
  // Old tables go while new ones refer to what has their names.
  database.exec('PRAGMA foreign_keys = 0');
  database.exec('BEGIN IMMEDIATE');
  if (fromVersion === 0) {
    database.exec(`${TABLES} INSERT INTO journal VALUES (lower(hex(randomblob(4))), 0, 0)`);
  } else {
    copyRows(database, { fromVersion, tables: TABLES });
  }
  database.exec(INDEXES);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  database.exec(`PRAGMA user_version = ${VERSION}`);
  database.exec('COMMIT');
  database.exec('PRAGMA foreign_keys = 1');
}
