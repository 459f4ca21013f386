/**
 * The tables of the journal on PostgreSQL, in a schema of their own.
 *
 * - Every writing function of functions.ts first takes one lock, so that commits are in one order, which is the order of
 *   seq and of the positions of each lane. No row is counted up: an old snapshot would keep all its versions.
 * - delivery holds only what is open or a dead letter. What is settled says its newest record, and event.adapters which
 *   deliveries there were. So event and record are only ever appended to, and delivery stays as small as the work left.
 * - lane.places is a sequence: the last place that was given in the lane, in microseconds since 1970 by its owner's clock.
 * - adapter_health.health: what the owner of a lane last reported of it, for the other hubs; a message of theirs.
 * - command: what one hub asks of the one that has the lane, see commands.ts. Rows go with their answers.
 * - journal.positions_after and unique_ids_to_seq: of a journal that was copied from SQLite, see ../sqlite/schema.ts.
 *   journal.is_copying: the copy is not finished, and no hub opens it.
 * - lane.owner and lane.epoch: only the hub that it names writes outcomes, see core/ownership.ts.
 * - Numbers of states and outcomes are those of ../codes.ts.
 */
export const TABLES = `
  CREATE TABLE journal (
    id text NOT NULL,
    version int NOT NULL,
    settled_timeline int NOT NULL,
    positions_after bigint NOT NULL DEFAULT 0,
    unique_ids_to_seq bigint NOT NULL DEFAULT 0,
    is_copying boolean NOT NULL DEFAULT false
  );

  CREATE SEQUENCE event_seq;

  CREATE TABLE hub (
    id text PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    beat bigint NOT NULL DEFAULT 0,
    can text[] NOT NULL DEFAULT '{}',
    receives text[] NOT NULL DEFAULT '{}',
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp()
  ) WITH (fillfactor = 50);

  CREATE TABLE adapter_health (
    adapter text PRIMARY KEY,
    health bytea NOT NULL
  ) WITH (fillfactor = 50);

  CREATE TABLE command (
    id text PRIMARY KEY,
    adapter text NOT NULL,
    rpc text NOT NULL,
    request bytea NOT NULL,
    principal text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_by text,
    answer bytea,
    error text
  );

  CREATE TABLE lane (
    number int PRIMARY KEY,
    adapter text NOT NULL UNIQUE,
    receives boolean NOT NULL DEFAULT false,
    holds boolean NOT NULL DEFAULT false,
    places regclass NOT NULL,
    pruned_to bigint NOT NULL DEFAULT 0,
    owner text,
    epoch bigint NOT NULL DEFAULT 0,
    patience_ms float8 NOT NULL DEFAULT 18000,
    longest_wait_ms float8 NOT NULL DEFAULT 'Infinity',
    recovered_due_ms float8 NOT NULL DEFAULT '-Infinity',
    recovered_seq bigint NOT NULL DEFAULT 0,
    pause_reason text,
    pause_since_ms float8,
    breaker_state text,
    breaker_since_ms float8,
    breaker_cause text
  );

  CREATE TABLE event (
    seq bigint PRIMARY KEY,
    id text NOT NULL,
    source text NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    time_ms float8 NOT NULL,
    content_type text NOT NULL,
    attributes text NOT NULL,
    content_hash bytea NOT NULL,
    accepted_at_ms float8 NOT NULL,
    adapters int[] NOT NULL,
    data_checksum bigint NOT NULL,
    published_by text NOT NULL,
    data bytea NOT NULL,
    UNIQUE (id, source)
  );
  ALTER TABLE event ALTER COLUMN data SET STORAGE EXTERNAL;

  CREATE TABLE delivery (
    adapter int NOT NULL,
    seq bigint NOT NULL,
    key text NOT NULL,
    state smallint NOT NULL DEFAULT 0,
    is_head boolean NOT NULL,
    may_follow boolean NOT NULL DEFAULT false,
    may_have_run boolean NOT NULL DEFAULT false,
    due_at_ms float8 NOT NULL,
    not_before_ms float8 NOT NULL DEFAULT 0,
    since_ms float8 NOT NULL,
    cycle int NOT NULL DEFAULT 1,
    attempts int NOT NULL DEFAULT 0,
    spent int NOT NULL DEFAULT 0,
    crashes int NOT NULL DEFAULT 0,
    reopened_at_ms float8,
    PRIMARY KEY (adapter, seq)
  ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
  CREATE INDEX delivery_of_key ON delivery (key, adapter, seq) WHERE key <> '';
  CREATE INDEX delivery_head ON delivery (adapter, due_at_ms, seq) WHERE is_head;
  CREATE INDEX delivery_behind ON delivery (adapter, seq) WHERE state = 1 AND NOT is_head;
  CREATE INDEX delivery_dead ON delivery (adapter, seq) WHERE state = 4;

  CREATE TABLE record (
    adapter int NOT NULL,
    position bigint NOT NULL,
    seq bigint NOT NULL,
    version text NOT NULL,
    state smallint NOT NULL,
    cycle int NOT NULL,
    attempts int NOT NULL,
    spent int NOT NULL,
    crashes int NOT NULL,
    at_ms float8 NOT NULL,
    next_attempt_at_ms float8 NOT NULL,
    outcome smallint,
    started_at_ms float8,
    duration_ms float8,
    receipt text,
    code text,
    message text,
    reopened_at_ms float8,
    PRIMARY KEY (adapter, position)
  );
  CREATE INDEX record_of_delivery ON record (seq, adapter, position);

  CREATE TABLE watched_key (
    adapter int NOT NULL,
    key text NOT NULL,
    newest_delivered_seq bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (adapter, key)
  );

  CREATE TABLE replay_job (
    id text PRIMARY KEY,
    created_at_ms float8 NOT NULL,
    is_running boolean NOT NULL,
    content text NOT NULL
  );
`;
