import type { DatabaseSync } from 'node:sqlite';
import { copyRows } from './upgrade-from-2.ts';

/** "HMSS": marks a SQLite file as a journal of this hub. */
export const APPLICATION_ID = 0x48_4d_53_53;

/** SQL, and what SQL alone cannot do with the rows that are there. */
type Migration = readonly (string | ((database: DatabaseSync) => void))[];

/**
 * Each entry takes a journal one version up; an entry that was released is never changed. Version n is the first n.
 *
 * Notes on version 1:
 * - seq and cursor are counted on from the newest row, so whatever deletes old rows keeps the newest one.
 * - delivery is stored beside its siblings (no rowid): accepting an event touches one page of it. Only what is not
 *   settled, and what is a dead letter, is indexed: the indexes stay as small as the work that is left.
 * - record is only ever appended to and has no index: the records of a delivery are a chain, from
 *   delivery.last_cursor over record.previous, 0 ends it.
 * - Times come from publishers and clocks and may have fractions of a millisecond: REAL. SQLite stores a whole one as
 *   an integer anyway.
 * - state and outcome are the numbers of codes.ts.
 *
 * Notes on version 2:
 * - Checksums (upgrade-from-2.ts) are null in the rows that version 1 wrote.
 * - watched_key has a row for each adapter and key with a dead letter, and says what was delivered of the key since:
 *   a delivery that is delivered asks it only while its adapter has such keys, so health costs nothing.
 * - A record of which no attempt is part keeps in message why a person made it.
 *
 * Notes on version 3:
 * - delivery.is_head and due_at_ms are the rule of heads.ts: delivery_head has the heads of a lane in the order in which
 *   they become ready. Without a head, due_at_ms is what it last was.
 * - record is numbered by each lane, so that lanes of several hubs need no common order. The records of a delivery are
 *   found over an index, and positions are counted on from the newest: whatever deletes keeps the newest of each lane.
 * - journal.positions_after: the newest cursor of version 2, which all lanes shared. Every lane counts on from it, so that
 *   an old cursor means of each lane what it meant of all.
 * - adapter.receives: new events go to it; adapter.holds: a dead letter holds its key there.
 * - checksum: row-checksum.ts. Every row has one. Those of an event are before its payload, so that whoever reads the row
 *   without it reads none of its pages.
 */
export const MIGRATIONS: readonly Migration[] = [
  [
    `
  CREATE TABLE journal (
    id TEXT NOT NULL
  ) STRICT;

  CREATE TABLE adapter (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
  ) STRICT;

  CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    key TEXT NOT NULL,
    time_ms REAL NOT NULL,
    content_type TEXT NOT NULL,
    attributes TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    accepted_at_ms REAL NOT NULL,
    last_cursor INTEGER NOT NULL,
    data BLOB NOT NULL
  ) STRICT;

  CREATE TABLE delivery (
    seq INTEGER NOT NULL REFERENCES event (seq),
    adapter INTEGER NOT NULL REFERENCES adapter (number),
    key TEXT NOT NULL,
    state INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    not_before_ms REAL NOT NULL,
    last_cursor INTEGER NOT NULL,
    PRIMARY KEY (seq, adapter)
  ) STRICT, WITHOUT ROWID;

  CREATE INDEX delivery_open ON delivery (adapter, seq) WHERE state < 2;
  CREATE INDEX delivery_open_of_key ON delivery (adapter, key, seq) WHERE state < 2 AND key <> '';
  CREATE INDEX delivery_dead ON delivery (adapter, seq) WHERE state = 4;

  CREATE TABLE record (
    cursor INTEGER PRIMARY KEY,
    previous INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    adapter INTEGER NOT NULL,
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
    message TEXT
  ) STRICT;

  CREATE TABLE breaker (
    adapter TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    since_ms REAL NOT NULL,
    cause TEXT NOT NULL
  ) STRICT;

  INSERT INTO journal (id) VALUES (lower(hex(randomblob(4))));
  `,
  ],
  [
    `
  ALTER TABLE event ADD COLUMN data_checksum INTEGER;
  ALTER TABLE event ADD COLUMN checksum INTEGER;
  ALTER TABLE delivery ADD COLUMN reopened_at_ms REAL;
  ALTER TABLE delivery ADD COLUMN checksum INTEGER;
  ALTER TABLE record ADD COLUMN checksum INTEGER;

  CREATE INDEX delivery_dead_of_key ON delivery (adapter, key, seq) WHERE state = 4 AND key <> '';

  CREATE TABLE watched_key (
    adapter INTEGER NOT NULL REFERENCES adapter (number),
    key TEXT NOT NULL,
    newest_delivered_seq INTEGER NOT NULL,
    PRIMARY KEY (adapter, key)
  ) STRICT, WITHOUT ROWID;

  INSERT INTO watched_key (adapter, key, newest_delivered_seq)
  SELECT adapter, key, max(CASE WHEN state = 2 THEN seq ELSE 0 END) FROM delivery
  WHERE (adapter, key) IN (SELECT adapter, key FROM delivery WHERE state = 4 AND key <> '')
  GROUP BY adapter, key;

  CREATE TABLE replay_job (
    id TEXT PRIMARY KEY,
    created_at_ms REAL NOT NULL,
    content TEXT NOT NULL
  ) STRICT;

  CREATE TABLE lane_pause (
    adapter TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    since_ms REAL NOT NULL
  ) STRICT;
  `,
  ],
  [
    `
  CREATE TABLE event_3 (
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
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (id, source)
  ) STRICT;

  CREATE TABLE delivery_3 (
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

  CREATE TABLE record_3 (
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

  ALTER TABLE journal ADD COLUMN positions_after INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE adapter ADD COLUMN receives INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE adapter ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
  `,
    copyRows,
    `
  DROP TABLE record;
  DROP TABLE delivery;
  DROP TABLE event;
  ALTER TABLE event_3 RENAME TO event;
  ALTER TABLE delivery_3 RENAME TO delivery;
  ALTER TABLE record_3 RENAME TO record;

  CREATE INDEX delivery_open ON delivery (adapter, seq) WHERE state < 2;
  CREATE INDEX delivery_open_of_key ON delivery (key, adapter, seq) WHERE state < 2 AND key <> '';
  CREATE INDEX delivery_head ON delivery (adapter, due_at_ms, seq) WHERE is_head = 1;
  CREATE INDEX delivery_dead ON delivery (adapter, seq) WHERE state = 4;
  CREATE INDEX delivery_dead_of_key ON delivery (key, adapter, seq) WHERE state = 4 AND key <> '';
  CREATE INDEX record_of_delivery ON record (seq, adapter);
  `,
  ],
];

/** Takes the journal from its version to the newest, in one transaction. Does nothing when it is there. */
export function migrate(database: DatabaseSync, fromVersion: number): void {
  if (fromVersion === MIGRATIONS.length) return;
  // Tables are replaced while others refer to them; what has none yet is not missing.
  database.exec('PRAGMA foreign_keys = 0');
  database.exec('BEGIN IMMEDIATE');
  for (const step of MIGRATIONS.slice(fromVersion).flat()) {
    if (typeof step === 'string') database.exec(step);
    else if (fromVersion > 0) step(database);
  }
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  database.exec('COMMIT');
  database.exec('PRAGMA foreign_keys = 1');
}
