/**
 * The rule by which deliveries become ready, as the database runs it: see Heads of ../sqlite/heads.ts, whose words these
 * functions use and whose suite they pass. Each call is one transaction, and begins with the lock that puts all of them
 * in one order; so a hub that is frozen while it waits for an answer holds nothing.
 *
 * Places: the owner of a lane gives them by its clock, whoever else accepts an event puts it behind the last one that
 * was given. So the clocks of hubs are never compared.
 */

/** What a function reports beside its answer: `kind`, and the lane with what the kind needs. See CommitNews. */
const NEWS = `
  CREATE TYPE news AS (
    kind text, adapter int, seq bigint, due_at_ms float8, position bigint
  );
`;

export const STALE =
  'A newer event of its key was delivered meanwhile, or may have been. Replay it again with include_stale if it is to follow that one.';

const PLACES = `
  CREATE FUNCTION lock_journal() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock('journal'::regclass::oid::int, 0)
  $$;

  -- Whatever a hub makes ready in a lane of another one uses up a seq: a new event its own, the rest one without an event.
  CREATE FUNCTION newest_seq() RETURNS bigint LANGUAGE sql AS $$
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_seq
  $$;

  CREATE FUNCTION newest_news() RETURNS news LANGUAGE sql AS $$
    SELECT ('newest', 0, newest_seq(), 0, 0)::news
  $$;

  CREATE FUNCTION use_seq() RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM setval('event_seq', newest_seq() + 1);
    UPDATE journal SET used_seq = newest_seq();
  END $$;

  CREATE FUNCTION last_place_ms(l lane) RETURNS float8 LANGUAGE sql AS $$
    SELECT coalesce(pg_sequence_last_value(l.places) / 1000.0::float8, '-Infinity')
  $$;

  -- As a lane's owner has it: what another hub makes ready comes behind all that is.
  CREATE FUNCTION owner_ms(l lane, me text, now_ms float8) RETURNS float8 LANGUAGE sql AS $$
    SELECT CASE WHEN l.owner = me THEN now_ms ELSE greatest(last_place_ms(l), 0) END
  $$;

  CREATE FUNCTION give_place(l lane, place_ms float8) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    IF place_ms * 1000 >= 1 THEN PERFORM setval(l.places, round(place_ms * 1000)::bigint); END IF;
  END $$;

  -- Behind all that were given in the lane: of those of one time the lower seq comes first, and this one is not the newest.
  CREATE FUNCTION next_place(l lane, now_ms float8) RETURNS float8 LANGUAGE plpgsql AS $$
  DECLARE
    last_ms float8 := last_place_ms(l);
    due_ms float8 := greatest(floor(now_ms * 1000) / 1000, last_ms);
  BEGIN
    IF due_ms = last_ms THEN due_ms := (round(due_ms * 1000) + 1) / 1000; END IF;
    PERFORM give_place(l, due_ms);
    RETURN due_ms;
  END $$;

  CREATE FUNCTION lane_named(name text) RETURNS lane LANGUAGE plpgsql AS $$
  DECLARE
    l lane;
    n int;
  BEGIN
    SELECT * INTO l FROM lane WHERE adapter = name;
    IF FOUND THEN RETURN l; END IF;
    SELECT coalesce(max(number), 0) + 1 INTO n FROM lane;
    EXECUTE format('CREATE SEQUENCE place_%s', n);
    INSERT INTO lane (number, adapter, places, pruned_to)
      SELECT n, name, ('place_' || n)::regclass, positions_after FROM journal RETURNING * INTO l;
    RETURN l;
  END $$;

  CREATE FUNCTION newest_position(l lane) RETURNS bigint LANGUAGE sql AS $$
    SELECT greatest(l.pruned_to, coalesce((SELECT max(position) FROM record WHERE adapter = l.number), 0))
  $$;
`;

const KEYS = `
  CREATE FUNCTION oldest_open(l lane, k text) RETURNS delivery LANGUAGE sql AS $$
    SELECT * FROM delivery WHERE key = k AND key <> '' AND adapter = l.number AND state < 2 ORDER BY seq LIMIT 1
  $$;

  -- Infinity: it has none.
  CREATE FUNCTION oldest_dead(l lane, k text) RETURNS float8 LANGUAGE sql AS $$
    SELECT coalesce((SELECT seq FROM delivery WHERE key = k AND key <> '' AND adapter = l.number AND state = 4
      ORDER BY seq LIMIT 1)::float8, 'Infinity')
  $$;

  CREATE FUNCTION head_seq(l lane, k text) RETURNS bigint LANGUAGE sql AS $$
    SELECT seq FROM delivery WHERE key = k AND key <> '' AND adapter = l.number AND is_head LIMIT 1
  $$;

  CREATE FUNCTION stays_head(l lane, d delivery) RETURNS boolean LANGUAGE sql AS $$
    SELECT (oldest_open(l, d.key)).seq = d.seq AND NOT (l.holds AND oldest_dead(l, d.key) < d.seq)
  $$;

  -- It was replayed, and a newer one of its key was delivered meanwhile, or may have been.
  CREATE FUNCTION is_stale(l lane, d delivery) RETURNS boolean LANGUAGE sql AS $$
    SELECT d.cycle > 1 AND NOT d.may_follow AND (
      EXISTS (SELECT 1 FROM watched_key w WHERE w.adapter = l.number AND w.key = d.key AND w.newest_delivered_seq > d.seq)
      OR EXISTS (SELECT 1 FROM delivery o WHERE o.key = d.key AND o.key <> '' AND o.adapter = l.number
        AND o.state < 2 AND o.seq > d.seq AND o.may_have_run))
  $$;

  CREATE FUNCTION is_recovered(l lane, d delivery) RETURNS boolean LANGUAGE sql AS $$
    SELECT (d.due_at_ms, d.seq) <= (l.recovered_due_ms, l.recovered_seq)
  $$;

  CREATE FUNCTION save_delivery(d delivery) RETURNS void LANGUAGE sql AS $$
    UPDATE delivery SET state = d.state, is_head = d.is_head, may_follow = d.may_follow, may_have_run = d.may_have_run,
      due_at_ms = d.due_at_ms, not_before_ms = d.not_before_ms, since_ms = d.since_ms, cycle = d.cycle,
      attempts = d.attempts, spent = d.spent, crashes = d.crashes, reopened_at_ms = d.reopened_at_ms
    WHERE adapter = d.adapter AND seq = d.seq
  $$;

  -- Settled without an attempt: its counts stay as they were.
  CREATE FUNCTION record_unattempted(l lane, d delivery, new_state int, at float8, why text) RETURNS news
  LANGUAGE plpgsql AS $$
  DECLARE
    place bigint := newest_position(l) + 1;
  BEGIN
    INSERT INTO record VALUES (l.number, place, d.seq, '', new_state, d.cycle, d.attempts, d.spent, d.crashes,
      at, 0, NULL, NULL, NULL, NULL, NULL, why, d.reopened_at_ms);
    IF new_state = 4 THEN
      UPDATE delivery SET state = 4, is_head = false WHERE adapter = d.adapter AND seq = d.seq;
      IF d.key <> '' THEN INSERT INTO watched_key VALUES (l.number, d.key) ON CONFLICT DO NOTHING; END IF;
    ELSE
      DELETE FROM delivery WHERE adapter = d.adapter AND seq = d.seq;
    END IF;
    RETURN ('settled_unattempted', l.number, d.seq, 0, place)::news;
  END $$;
`;

const HEADS = `
  -- Makes an open delivery a head.
  CREATE FUNCTION appoint(l lane, d delivery, now_ms float8) RETURNS news LANGUAGE plpgsql AS $$
  DECLARE
    last_ms float8 := last_place_ms(l);
    is_ready boolean;
  BEGIN
    d.is_head := true;
    IF d.state = 0 THEN d.due_at_ms := 0; END IF;
    -- Not by another hub than the owner, which does not know its time.
    IF now_ms > greatest(last_ms, 0) THEN d.due_at_ms := least(d.due_at_ms, now_ms + l.longest_wait_ms); END IF;
    is_ready := d.due_at_ms <= now_ms;
    IF is_ready THEN d.due_at_ms := next_place(l, now_ms);
    ELSIF d.due_at_ms <= last_ms THEN d.due_at_ms := (round(last_ms * 1000) + 1) / 1000;
    ELSE d.due_at_ms := round(d.due_at_ms * 1000) / 1000;
    END IF;
    PERFORM save_delivery(d);
    RETURN (CASE WHEN is_ready THEN 'ready' ELSE 'due' END, l.number, d.seq, d.due_at_ms, 0)::news;
  END $$;

  -- Chooses the head of a key that has none.
  CREATE FUNCTION choose(l lane, k text, at float8, now_ms float8) RETURNS SETOF news LANGUAGE plpgsql AS $$
  DECLARE
    d delivery;
  BEGIN
    LOOP
      d := oldest_open(l, k);
      IF d.seq IS NULL OR (l.holds AND oldest_dead(l, k) < d.seq) THEN RETURN; END IF;
      IF NOT is_stale(l, d) THEN
        RETURN NEXT appoint(l, d, now_ms);
        RETURN;
      END IF;
      RETURN NEXT record_unattempted(l, d, 4, at, $why$${STALE}$why$);
    END LOOP;
  END $$;

  CREATE FUNCTION give_back(name text, which bigint, now_ms float8) RETURNS SETOF news LANGUAGE plpgsql AS $$
  DECLARE
    l lane;
    d delivery;
  BEGIN
    PERFORM lock_journal();
    l := lane_named(name);
    SELECT * INTO d FROM delivery WHERE adapter = l.number AND seq = which AND is_head;
    IF NOT FOUND THEN RETURN; END IF;
    RETURN NEXT newest_news();
    RETURN NEXT ('withdrawn', l.number, d.seq, 0, 0)::news;
    d.may_have_run := d.may_have_run OR is_recovered(l, d);
    -- What may have taken effect keeps its place: an older one would follow it.
    IF d.key = '' OR d.may_have_run OR stays_head(l, d) THEN
      RETURN NEXT appoint(l, d, now_ms);
      RETURN;
    END IF;
    d.is_head := false;
    PERFORM save_delivery(d);
    RETURN QUERY SELECT * FROM choose(l, d.key, now_ms, now_ms);
  END $$;

  CREATE FUNCTION end_waits(name text, now_ms float8) RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE
    l lane;
    d delivery;
    ended bigint := 0;
    last_ms float8;
  BEGIN
    PERFORM lock_journal();
    l := lane_named(name);
    last_ms := last_place_ms(l);
    FOR d IN SELECT * FROM delivery WHERE adapter = l.number AND is_head AND due_at_ms > greatest(now_ms, last_ms)
      ORDER BY seq
    LOOP
      d.due_at_ms := next_place(l, now_ms);
      d.not_before_ms := 0;
      PERFORM save_delivery(d);
      ended := ended + 1;
    END LOOP;
    -- One that an older one came in front of waits no longer either, once it is the head again.
    WITH behind AS (
      UPDATE delivery SET due_at_ms = now_ms, not_before_ms = 0
      WHERE adapter = l.number AND state = 1 AND NOT is_head AND due_at_ms > now_ms RETURNING 1
    ) SELECT ended + count(*) INTO ended FROM behind;
    RETURN ended;
  END $$;

  CREATE FUNCTION hold_keys(l lane, now_ms float8) RETURNS SETOF news LANGUAGE plpgsql AS $$
  DECLARE
    k text;
    d delivery;
  BEGIN
    FOR k IN SELECT DISTINCT key FROM delivery WHERE adapter = l.number AND state = 4 AND key <> '' LOOP
      SELECT * INTO d FROM delivery WHERE key = k AND key <> '' AND adapter = l.number AND is_head LIMIT 1;
      IF FOUND AND l.holds AND d.seq > oldest_dead(l, k) THEN
        d.may_have_run := d.may_have_run OR is_recovered(l, d);
        d.is_head := false;
        PERFORM save_delivery(d);
      END IF;
      IF head_seq(l, k) IS NULL THEN RETURN QUERY SELECT * FROM choose(l, k, now_ms, now_ms); END IF;
    END LOOP;
  END $$;
`;

const LANES = `
  -- The hub runs the lane, which it claimed with this epoch; without one it takes it over. What was ready until now, or
  -- waited for a retry, may have been attempted. A clock that is behind the one of the owner before makes nothing wait.
  CREATE FUNCTION open_lane(me text, name text, does_hold boolean, now_ms float8, longest_ms float8,
    claimed_epoch bigint) RETURNS SETOF news LANGUAGE plpgsql AS $$
  DECLARE
    l lane;
    latest_ms float8 := round((now_ms + longest_ms) * 1000) / 1000;
    last delivery;
  BEGIN
    PERFORM lock_journal();
    l := lane_named(name);
    IF claimed_epoch IS NOT NULL AND (l.epoch <> claimed_epoch OR l.owner IS DISTINCT FROM me) THEN RETURN; END IF;
    UPDATE delivery SET due_at_ms = CASE state WHEN 0 THEN floor(now_ms * 1000) / 1000 ELSE least(due_at_ms, latest_ms) END,
      not_before_ms = least(not_before_ms, latest_ms)
    WHERE adapter = l.number AND is_head AND due_at_ms > now_ms
      AND (state = 0 OR due_at_ms > latest_ms OR not_before_ms > latest_ms);
    -- The clock may have been set back, so one that is not due may have been: an older one does not come before it.
    UPDATE delivery SET may_have_run = true
    WHERE adapter = l.number AND is_head AND due_at_ms > now_ms AND NOT may_have_run;
    UPDATE delivery SET due_at_ms = latest_ms, not_before_ms = least(not_before_ms, latest_ms)
    WHERE adapter = l.number AND state = 1 AND NOT is_head AND due_at_ms > latest_ms;
    SELECT * INTO last FROM delivery WHERE adapter = l.number AND is_head AND due_at_ms <= now_ms
      ORDER BY due_at_ms DESC, seq DESC LIMIT 1;
    UPDATE lane SET owner = me, epoch = coalesce(claimed_epoch, lane.epoch + 1), longest_wait_ms = longest_ms,
      recovered_due_ms = coalesce(last.due_at_ms, '-Infinity'), recovered_seq = coalesce(last.seq, 0)
    WHERE number = l.number RETURNING * INTO l;
    PERFORM setval(l.places, greatest(1, round(coalesce(last.due_at_ms, 0) * 1000))::bigint, last.seq IS NOT NULL);
    RETURN NEXT ('opened', l.number, l.epoch, 0, 0)::news;
    IF l.holds <> does_hold THEN
      UPDATE lane SET holds = does_hold WHERE number = l.number RETURNING * INTO l;
      RETURN QUERY SELECT * FROM hold_keys(l, now_ms);
    END IF;
  END $$;

  -- New events go to the adapters of this hub, and to those of every other that lives: hubs are started one after the
  -- other with another configuration.
  CREATE FUNCTION set_receivers(me text, names text[]) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM lock_journal();
    PERFORM lane_named(name) FROM unnest(names) AS name;
    UPDATE hub SET receives = names WHERE id = me;
    UPDATE lane SET receives = NOT receives WHERE receives <> (adapter = ANY (names) OR EXISTS (
      SELECT 1 FROM hub WHERE id <> me AND adapter = ANY (hub.receives)
        AND beat_at > clock_timestamp() - interval '1 minute'));
  END $$;

  -- What a lane reads next comes after all that is reported to it before: a retry may be due at this very time.
  CREATE FUNCTION reach(n int, now_ms float8) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    l lane;
    newest_ms float8;
  BEGIN
    SELECT * INTO l FROM lane WHERE number = n;
    IF NOT EXISTS (SELECT 1 FROM delivery WHERE adapter = n AND is_head AND due_at_ms > last_place_ms(l)
      AND due_at_ms <= now_ms) THEN RETURN; END IF;
    PERFORM lock_journal();
    SELECT max(due_at_ms) INTO newest_ms FROM delivery WHERE adapter = n AND is_head AND due_at_ms <= now_ms;
    IF newest_ms > last_place_ms(l) THEN PERFORM give_place(l, newest_ms); END IF;
  END $$;
`;

const EVENTS = `
  -- The items that are new get the seqs from first on, in their order. Of their deliveries 'waiting' has those that are
  -- no heads: the item, the lane, and whether something of the key waits there for a retry or an operator.
  CREATE FUNCTION accept(me text, ids text[], sources text[], types text[], keys text[], times float8[],
    content_types text[], attribute_texts text[], hashes bytea, accepted float8[], sums bigint[], publishers text[],
    nows float8[], payload bytea, ends int[],
    OUT first_seq bigint, OUT seq_before bigint, OUT fresh int[], OUT lanes int[], OUT places float8[], OUT waiting int[])
  LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    now_ms float8 := nows[1];
    l lane;
    due_ms float8;
    last_ms float8;
  BEGIN
    PERFORM lock_journal();
    seq_before := newest_seq();
    first_seq := seq_before + 1;
    lanes := '{}';
    places := '{}';
    FOR l IN SELECT * FROM lane WHERE receives ORDER BY number LOOP
      last_ms := last_place_ms(l);
      due_ms := greatest(last_ms, 0);
      IF l.owner = me THEN
        due_ms := greatest(floor(now_ms * 1000) / 1000, last_ms);
        IF due_ms > last_ms THEN PERFORM give_place(l, due_ms); END IF;
      END IF;
      lanes := lanes || l.number;
      places := places || due_ms;
    END LOOP;
    WITH said AS (
      SELECT * FROM unnest(ids, sources, types, keys, times, content_types, attribute_texts, accepted, sums, publishers, ends)
        WITH ORDINALITY AS said (id, source, type, key, time_ms, content_type, attributes, accepted_at_ms, sum, publisher,
          ends_at, item)
    ), added AS (
      INSERT INTO event (seq, id, source, type, key, time_ms, content_type, attributes, content_hash, accepted_at_ms,
        adapters, data_checksum, published_by, data)
      SELECT seq_before + item, id, source, type, key, time_ms, content_type, attributes,
        substring(hashes FROM (item::int - 1) * 32 + 1 FOR 32), accepted_at_ms, lanes, sum, publisher,
        substring(payload FROM coalesce(ends[item - 1], 0) + 1 FOR ends_at - coalesce(ends[item - 1], 0))
      FROM said ORDER BY item
      ON CONFLICT (id, source) DO NOTHING
      RETURNING seq, key
    ), ranked AS (
      SELECT seq, key, row_number() OVER (PARTITION BY key ORDER BY seq) AS rank FROM added
    ), placed AS (
      SELECT r.seq, r.key, t.number, t.place,
        r.key = '' OR (r.rank = 1 AND NOT EXISTS (
          SELECT 1 FROM delivery d JOIN lane o ON o.number = d.adapter
          WHERE d.key = r.key AND d.key <> '' AND d.adapter = t.number AND (d.state < 2 OR o.holds))) AS is_head
      FROM ranked r CROSS JOIN unnest(lanes, places) AS t (number, place)
    ), delivered AS (
      INSERT INTO delivery (adapter, seq, key, is_head, due_at_ms, since_ms)
      SELECT number, seq, key, is_head, CASE WHEN is_head THEN place ELSE 0 END, nows[seq - seq_before] FROM placed
    )
    SELECT (SELECT array_agg((seq - seq_before)::int ORDER BY seq) FROM added),
      (SELECT array_agg(ARRAY[(p.seq - seq_before)::int, p.number, is_held(p.number, p.key, p.seq)::int]
        ORDER BY p.seq, p.number) FROM placed p WHERE NOT p.is_head)
    INTO fresh, waiting;
    IF fresh IS NOT NULL THEN PERFORM setval('event_seq', seq_before + fresh[cardinality(fresh)]); END IF;
  END $$;

  -- An earlier one of the key waits: for its next attempt, or for an operator.
  CREATE FUNCTION is_held(n int, k text, before bigint) RETURNS boolean LANGUAGE plpgsql AS $$
  DECLARE
    l lane;
    d delivery;
  BEGIN
    IF k = '' THEN RETURN false; END IF;
    SELECT * INTO l FROM lane WHERE number = n;
    d := oldest_open(l, k);
    RETURN coalesce(d.state = 1 AND d.seq < before, false) OR (l.holds AND oldest_dead(l, k) < before);
  END $$;
`;

const RECORDS = `
  -- Outcomes: of each key at each adapter at most one, of deliveries that are there. Positions in their order; 0: the
  -- lane is another hub's. What is settled leaves the table; what is not, and what follows of the keys, is looked at one
  -- by one.
  CREATE FUNCTION record_outcomes(me text, names int[], epochs bigint[], seqs bigint[], versions text[], states int[],
    cycle_counts int[], attempt_counts int[], spent_counts int[], crash_counts int[], at float8[], nexts float8[],
    outcomes int[], starts float8[], durations float8[], receipts text[], codes text[], messages text[],
    nows float8[], dues float8[], not_befores float8[])
  RETURNS SETOF news LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    l lane;
    d delivery;
    was_head boolean;
    owned int;
    deliveries int;
    followed int[];
    first_positions json;
    i int;
  BEGIN
    PERFORM lock_journal();
    WITH owned AS MATERIALIZED (
      SELECT number, epoch, newest_position(lane) AS newest FROM lane WHERE owner = me AND number = ANY (names)
    ), said AS MATERIALIZED (
      SELECT t.*, o.newest + row_number() OVER (PARTITION BY t.n ORDER BY t.i) AS position
      FROM unnest(names, epochs, seqs, versions, states, cycle_counts, attempt_counts, spent_counts, crash_counts, at,
          nexts, outcomes, starts, durations, receipts, codes, messages)
        WITH ORDINALITY AS t (n, epoch, seq, version, state, cycle, attempts, spent, crashes, at_ms,
          next_ms, outcome, started_ms, duration_ms, receipt, code, message, i)
      JOIN owned o ON o.number = t.n AND o.epoch = t.epoch
    ), settled AS (
      DELETE FROM delivery x USING said s WHERE s.state IN (2, 3, 5) AND x.adapter = s.n AND x.seq = s.seq
      RETURNING s.*, x.key, x.is_head, x.reopened_at_ms
    ), kept AS (
      SELECT s.*, x.reopened_at_ms FROM said s JOIN delivery x ON x.adapter = s.n AND x.seq = s.seq
      WHERE s.state IN (1, 4)
    ), written AS (
      INSERT INTO record
      SELECT n, position, seq, version, state, cycle, attempts, spent, crashes, at_ms, next_ms, outcome, started_ms,
        duration_ms, receipt, code, message, reopened_at_ms FROM settled
      UNION ALL
      SELECT n, position, seq, version, state, cycle, attempts, spent, crashes, at_ms, next_ms, outcome, started_ms,
        duration_ms, receipt, code, message, reopened_at_ms FROM kept
    )
    SELECT (SELECT count(*) FROM said), (SELECT count(*) FROM settled) + (SELECT count(*) FROM kept),
      (SELECT json_object_agg(number, newest + 1) FROM owned),
      (SELECT array_agg((CASE WHEN s.is_head THEN s.i ELSE -s.i END)::int ORDER BY s.i) FROM settled s
        WHERE s.key <> '' AND EXISTS (SELECT 1 FROM delivery o
          WHERE o.key = s.key AND o.key <> '' AND o.adapter = s.n AND o.state < 2 AND o.seq <> s.seq))
    INTO owned, deliveries, first_positions, followed;
    IF deliveries < owned THEN
      RAISE EXCEPTION 'A record names a delivery that does not exist.' USING ERRCODE = 'HS001';
    END IF;
    IF owned < cardinality(names) THEN
      RETURN QUERY SELECT DISTINCT 'lost', t.n, t.epoch, 0::float8, 0::bigint
        FROM unnest(names, epochs) AS t (n, epoch) JOIN lane o ON o.number = t.n
        WHERE o.owner IS DISTINCT FROM me OR o.epoch <> t.epoch;
    END IF;
    RETURN QUERY SELECT 'recorded', p.key::int, 0::bigint, 0::float8, p.value::bigint
      FROM json_each_text(first_positions) AS p;
    IF EXISTS (SELECT 1 FROM watched_key) THEN
      UPDATE watched_key w SET newest_delivered_seq = t.seq
      FROM unnest(names, epochs, seqs, states) AS t (n, epoch, seq, state)
      JOIN lane o ON o.number = t.n AND o.owner = me AND o.epoch = t.epoch
      JOIN event e ON e.seq = t.seq
      WHERE t.state = 2 AND w.adapter = t.n AND w.key = e.key AND w.newest_delivered_seq < t.seq;
    END IF;
    RETURN NEXT newest_news();
    -- Behind 0: it was no head.
    FOREACH i IN ARRAY coalesce(followed, '{}') LOOP
      SELECT * INTO l FROM lane WHERE number = names[abs(i)];
      SELECT e.* INTO d.key FROM (SELECT key FROM event WHERE seq = seqs[abs(i)]) AS e;
      IF i > 0 OR head_seq(l, d.key) IS NULL THEN
        RETURN QUERY SELECT * FROM choose(l, d.key, at[abs(i)], nows[abs(i)]);
      END IF;
    END LOOP;

    FOR i IN SELECT o FROM unnest(states) WITH ORDINALITY AS t (s, o) WHERE s IN (1, 4) ORDER BY o LOOP
      SELECT * INTO l FROM lane WHERE number = names[i] AND owner = me AND epoch = epochs[i];
      CONTINUE WHEN NOT FOUND;
      SELECT * INTO d FROM delivery WHERE adapter = names[i] AND seq = seqs[i];
      was_head := d.is_head;
      d.state := states[i];
      d.cycle := cycle_counts[i];
      d.attempts := attempt_counts[i];
      d.spent := spent_counts[i];
      d.crashes := crash_counts[i];
      d.due_at_ms := dues[i];
      d.not_before_ms := not_befores[i];
      d.may_have_run := false;
      IF d.state = 1 AND (d.key = '' OR (was_head AND stays_head(l, d))) THEN
        RETURN NEXT appoint(l, d, nows[i]);
        CONTINUE;
      END IF;
      d.is_head := false;
      PERFORM save_delivery(d);
      CONTINUE WHEN d.key = '';
      IF d.state = 4 THEN INSERT INTO watched_key VALUES (l.number, d.key) ON CONFLICT DO NOTHING; END IF;
      IF was_head OR head_seq(l, d.key) IS NULL THEN
        RETURN QUERY SELECT * FROM choose(l, d.key, at[i], nows[i]);
      END IF;
    END LOOP;
  END $$;

  CREATE FUNCTION discard(me text, name text, which bigint, at float8, now_ms float8, why text) RETURNS SETOF news
  LANGUAGE plpgsql AS $$
  DECLARE
    l lane;
    d delivery;
    settled smallint;
  BEGIN
    PERFORM lock_journal();
    SELECT * INTO l FROM lane WHERE adapter = name;
    -- An attempt of it may run there.
    IF EXISTS (SELECT 1 FROM hub WHERE id = l.owner AND id <> me AND beat_at > clock_timestamp() - interval '1 minute') THEN
      RETURN NEXT ('elsewhere', l.number, which, 0, 0)::news;
      RETURN;
    END IF;
    SELECT * INTO d FROM delivery WHERE adapter = l.number AND seq = which;
    IF NOT FOUND THEN
      SELECT state INTO settled FROM record WHERE seq = which AND adapter = l.number ORDER BY position DESC LIMIT 1;
      RETURN NEXT ('settled', coalesce(settled::int, -1), which, 0, 0)::news;
      RETURN;
    END IF;
    IF l.owner <> me THEN PERFORM use_seq(); END IF;
    now_ms := owner_ms(l, me, now_ms);
    RETURN NEXT newest_news();
    RETURN NEXT record_unattempted(l, d, 5, at, why);
    RETURN NEXT ('withdrawn', l.number, d.seq, 0, 0)::news;
    IF d.key <> '' AND (d.is_head OR head_seq(l, d.key) IS NULL) THEN
      RETURN QUERY SELECT * FROM choose(l, d.key, at, now_ms);
    END IF;
  END $$;

  -- Begins a new cycle of dead letters, in this order, and keeps the job that asks for it. They are as they were listed.
  CREATE FUNCTION reopen(me text, names int[], seqs bigint[], cycle_counts int[], do_follow boolean, at float8, my_ms float8,
    job_id text, job_at float8, runs boolean, job text) RETURNS SETOF news LANGUAGE plpgsql AS $$
  DECLARE
    l lane;
    d delivery;
    head bigint;
    now_ms float8;
  BEGIN
    PERFORM lock_journal();
    IF EXISTS (SELECT 1 FROM lane WHERE number = ANY (names) AND owner <> me) THEN PERFORM use_seq(); END IF;
    RETURN NEXT newest_news();
    FOR i IN 1 .. cardinality(seqs) LOOP
      SELECT * INTO l FROM lane WHERE number = names[i];
      SELECT * INTO d FROM delivery WHERE adapter = names[i] AND seq = seqs[i] AND state = 4 AND cycle = cycle_counts[i];
      IF NOT FOUND THEN RAISE EXCEPTION 'A dead letter is not as it was listed.' USING ERRCODE = 'HS002'; END IF;
      now_ms := owner_ms(l, me, my_ms);
      d.state := 0;
      d.cycle := d.cycle + 1;
      d.attempts := 0;
      d.spent := 0;
      d.crashes := 0;
      d.may_follow := do_follow;
      d.may_have_run := false;
      d.due_at_ms := 0;
      d.not_before_ms := 0;
      d.since_ms := my_ms;
      d.reopened_at_ms := at;
      head := NULL;
      IF d.key = '' THEN
        RETURN NEXT appoint(l, d, now_ms);
      ELSE
        d.is_head := false;
        PERFORM save_delivery(d);
        head := head_seq(l, d.key);
        IF head IS NULL THEN RETURN QUERY SELECT * FROM choose(l, d.key, at, now_ms); END IF;
      END IF;
      RETURN NEXT ('reopened', l.number, d.seq, CASE WHEN head > d.seq THEN head END, 0)::news;
    END LOOP;
    PERFORM save_job(job_id, job_at, runs, job);
  END $$;

  CREATE FUNCTION save_job(job_id text, job_at float8, runs boolean, job text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO replay_job VALUES (job_id, job_at, runs, job) ON CONFLICT (id) DO UPDATE
      SET created_at_ms = excluded.created_at_ms, is_running = excluded.is_running, content = excluded.content
  $$;
`;

const PRUNING = `
  -- See PruneRequest. The newest event is kept.
  CREATE FUNCTION prune(before_ms float8, after_seq bigint, events_max int, records_max int,
    OUT events int, OUT records int, OUT next_seq bigint) LANGUAGE plpgsql AS $$
  DECLARE
    e record;
    r record;
    looked int := 0;
    old_ones int := 0;
    deleted int;
    last bigint := after_seq;
    newest_ms float8;
  BEGIN
    PERFORM lock_journal();
    events := 0;
    records := 0;
    FOR e IN SELECT seq, key, accepted_at_ms, adapters FROM event WHERE seq > after_seq ORDER BY seq LIMIT events_max LOOP
      looked := looked + 1;
      last := e.seq;
      CONTINUE WHEN e.accepted_at_ms >= before_ms;
      old_ones := old_ones + 1;
      CONTINUE WHEN e.seq = (SELECT max(seq) FROM event);
      CONTINUE WHEN EXISTS (SELECT 1 FROM unnest(e.adapters) AS n JOIN delivery d ON d.adapter = n AND d.seq = e.seq);
      SELECT max(newest.at_ms) INTO newest_ms FROM unnest(e.adapters) AS n CROSS JOIN LATERAL (
        SELECT at_ms FROM record WHERE seq = e.seq AND adapter = n ORDER BY position DESC LIMIT 1) AS newest;
      CONTINUE WHEN newest_ms >= before_ms;
      IF records >= records_max THEN next_seq := e.seq - 1; RETURN; END IF;
      -- Of each delivery the newest record says its outcome until all of it is deleted.
      FOR r IN SELECT n AS adapter, newest FROM unnest(e.adapters) AS n
        JOIN LATERAL (SELECT max(position) AS newest FROM record WHERE seq = e.seq AND adapter = n) AS m ON newest IS NOT NULL
        JOIN lane ON number = n ORDER BY lane.adapter COLLATE "C"
      LOOP
        DELETE FROM record WHERE adapter = r.adapter AND position IN (
          SELECT position FROM record WHERE seq = e.seq AND adapter = r.adapter AND position < r.newest
          ORDER BY position LIMIT records_max - records);
        GET DIAGNOSTICS deleted = ROW_COUNT;
        records := records + deleted;
        IF records >= records_max AND EXISTS (
          SELECT 1 FROM record WHERE seq = e.seq AND adapter = r.adapter AND position < r.newest
        ) THEN
          next_seq := e.seq - 1;
          RETURN;
        END IF;
      END LOOP;
      UPDATE lane SET pruned_to = m.position FROM (
        SELECT adapter, max(position) AS position FROM record WHERE seq = e.seq GROUP BY adapter) AS m
      WHERE number = m.adapter AND m.position = newest_position(lane) AND pruned_to < m.position;
      DELETE FROM record WHERE seq = e.seq;
      GET DIAGNOSTICS deleted = ROW_COUNT;
      records := records + deleted;
      DELETE FROM event WHERE seq = e.seq;
      events := events + 1;
      DELETE FROM watched_key w WHERE w.adapter = ANY (e.adapters) AND w.key = e.key
        AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.key = w.key AND d.key <> '' AND d.adapter = w.adapter);
    END LOOP;
    -- Younger ones follow; one alone may be a jump of the clock.
    IF looked = events_max AND old_ones > 0 THEN next_seq := last; RETURN; END IF;
    DELETE FROM replay_job WHERE created_at_ms < before_ms AND NOT is_running;
  END $$;
`;

export const FUNCTIONS = [NEWS, PLACES, KEYS, HEADS, LANES, EVENTS, RECORDS, PRUNING].join('\n');
