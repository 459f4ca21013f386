/** A command that no hub begins within this time is never begun. */
export const BEGUN_WITHIN_S = 10;

/** What core/ownership.ts assumes of the database: see OwnershipRequest. */
export const HUB_FUNCTIONS = `
  -- Another one after each failover.
  CREATE FUNCTION timeline() RETURNS int LANGUAGE sql AS $$
    SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int
  $$;

  CREATE FUNCTION join_hub(me text, hub_name text, hub_version text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM hub WHERE beat_at < clock_timestamp() - interval '1 day'
      AND NOT EXISTS (SELECT 1 FROM lane WHERE owner = hub.id);
    INSERT INTO hub (id, name, version) VALUES (me, hub_name, hub_version);
  $$;

  CREATE FUNCTION pulse(me text, do_beat boolean, names text[]) RETURNS json LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE hub SET beat = beat + 1, beat_at = clock_timestamp(), can = names WHERE id = me AND do_beat;
    IF NOT EXISTS (SELECT 1 FROM hub WHERE id = me) THEN RETURN NULL; END IF;
    RETURN json_build_object(
      'hubs', (SELECT json_agg(json_build_object('id', id, 'name', name, 'version', version, 'beat', beat,
        'canRun', to_json(can), 'beatAgeMs', extract(epoch FROM clock_timestamp() - beat_at) * 1000)) FROM hub),
      'lanes', (SELECT json_agg(json_build_object('adapter', adapter, 'owner', owner, 'epoch', epoch,
        'patienceMs', patience_ms)) FROM lane),
      'timeline', timeline(), 'settledTimeline', (SELECT settled_timeline FROM journal));
  END $$;

  CREATE FUNCTION claim(me text, name text, new_epoch bigint, seen_owner text, seen_epoch bigint, seen_beat bigint,
    seen_timeline int) RETURNS boolean LANGUAGE plpgsql AS $$
  DECLARE
    newest_beat bigint;
  BEGIN
    PERFORM lock_journal();
    IF timeline() <> seen_timeline OR NOT EXISTS (SELECT 1 FROM hub WHERE id = me) THEN RETURN false; END IF;
    IF seen_owner <> me THEN
      -- Waits for a beat that is under way.
      SELECT beat INTO newest_beat FROM hub WHERE id = seen_owner FOR UPDATE;
      IF newest_beat IS DISTINCT FROM seen_beat THEN RETURN false; END IF;
    END IF;
    UPDATE lane SET owner = me, epoch = new_epoch
    WHERE adapter = name AND owner IS NOT DISTINCT FROM seen_owner AND epoch = seen_epoch;
    RETURN FOUND;
  END $$;

  CREATE FUNCTION release(me text, name text, owned_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM lock_journal();
    UPDATE lane SET owner = NULL WHERE adapter = name AND owner = me AND epoch = owned_epoch;
  END $$;

  CREATE FUNCTION settle_timeline(now_settled int) RETURNS void LANGUAGE sql AS $$
    UPDATE journal SET settled_timeline = now_settled WHERE timeline() = now_settled
  $$;

  -- Those that this hub is to carry out, also those that it has begun. An old one is not begun: nobody waits for it.
  CREATE FUNCTION take_commands(me text, names text[]) RETURNS SETOF command LANGUAGE sql AS $$
    UPDATE command SET taken_by = me
    WHERE taken_by IS NULL AND created_at > clock_timestamp() - interval '${BEGUN_WITHIN_S} seconds'
      AND command.adapter IN (SELECT adapter FROM lane WHERE owner = me AND adapter = ANY (names));
    SELECT * FROM command WHERE taken_by = me AND answer IS NULL AND error IS NULL ORDER BY created_at;
  $$;

  -- How far events and lanes are, for whoever watches. What is being written is not seen, as newest_seq() would.
  CREATE FUNCTION newest(OUT seq bigint, OUT numbers int[], OUT positions bigint[], OUT has_commands boolean)
  LANGUAGE sql AS $$
    SELECT greatest((SELECT max(seq) FROM event), (SELECT used_seq FROM journal)), array_agg(number),
      array_agg((SELECT coalesce(max(position), 0) FROM record WHERE adapter = number)),
      EXISTS (SELECT 1 FROM command WHERE answer IS NULL AND error IS NULL)
    FROM lane
  $$;
`;
