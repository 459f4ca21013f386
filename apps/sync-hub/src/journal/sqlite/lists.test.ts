import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import type { DeliveryPosition } from '../delivery-page.ts';
import { type RowValue, rowChecksum } from '../integrity/row-checksum.ts';
import { DeliveryTable } from './delivery-table.ts';
import { EventTable } from './event-table.ts';
import { LaneTable } from './lane-table.ts';
import { Lists } from './lists.ts';
import { RecordTable } from './record-table.ts';
import { SUMMED } from './rows.ts';
import { migrate } from './schema.ts';
import { StalenessIndex } from './staleness-index.ts';

function valuesOf(row: object | undefined): RowValue[] {
  return Object.values(row ?? {});
}

/** 20,000 events, all dead at billing and delivered at records; only the oldest is of the type Rare. */
function useManyDeadLetters(): Lists {
  const database = new DatabaseSync(':memory:');
  migrate(database, 0);
  database.exec(`
    BEGIN;
    CREATE TEMP TABLE number AS
    WITH RECURSIVE number (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM number WHERE value < 20000)
    SELECT value FROM number;
    INSERT INTO adapter (number, id) VALUES (1, 'billing'), (2, 'records');
    INSERT INTO event (seq, id, source, type, key, time_ms, content_type, attributes, content_hash, accepted_at_ms,
      data_checksum, published_by, checksum, data)
    SELECT value, 'event-' || value, '', CASE value WHEN 1 THEN 'Rare' ELSE 'Common' END, '', 0, '', '{}', x'', 0, 0, '', 0, x''
    FROM temp.number;
    INSERT INTO delivery (seq, adapter, key, state, is_head, may_follow, may_have_run, due_at_ms, not_before_ms, since_ms,
      cycle, attempts, spent, crashes, checksum)
    SELECT seq, adapter.number, '', CASE adapter.number WHEN 1 THEN 4 ELSE 2 END, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0
    FROM event, adapter;
    COMMIT;`);
  database.function('delivery_checksum', (seq) =>
    rowChecksum(
      valuesOf(database.prepare('SELECT * FROM delivery WHERE seq = ? AND adapter = 1').get(seq)),
      SUMMED.delivery,
    ),
  );
  database.function('event_checksum', (seq) =>
    rowChecksum(
      valuesOf(database.prepare('SELECT * FROM event WHERE seq = ?').get(seq)),
      SUMMED.event,
      'billing,records',
    ),
  );
  database.exec(`
    UPDATE delivery SET checksum = delivery_checksum(seq) WHERE adapter = 1 AND (seq = 1 OR seq > 19990);
    UPDATE event SET checksum = event_checksum(seq) WHERE seq = 1 OR seq > 19990`);
  const lanes = new LaneTable(database);
  const stalenessIndex = new StalenessIndex(database);
  const deliveries = new DeliveryTable({ database, lanes, stalenessIndex });
  const [events, records] = [new EventTable(database, lanes), new RecordTable(database, lanes)];
  return new Lists({ database, lanes, events, deliveries, records });
}

it('looks at some thousands at a time, and finds the one among many in the end', () => {
  const lists = useManyDeadLetters();
  const filter = { states: ['dead_lettered'], types: ['Rare'] } as const;
  const found: string[] = [];
  let pages = 0;
  let after: DeliveryPosition | undefined;
  do {
    const page = lists.page({ filter, limit: 10, ...(after && { after }) });
    found.push(...page.deliveries.map(({ eventId }) => eventId));
    after = page.next;
    pages++;
  } while (after !== undefined);
  expect(found).toEqual(['event-1']);
  expect(pages).toBe(10);
});

it('answers a page of dead letters without looking at the others', () => {
  const lists = useManyDeadLetters();
  const { deliveries, next } = lists.page({ filter: { states: ['dead_lettered'] }, limit: 2 });
  expect(deliveries.map(({ seq }) => seq)).toEqual([20_000, 19_999]);
  expect(next).toEqual({ seq: 19_999, adapter: 'billing' });
});
