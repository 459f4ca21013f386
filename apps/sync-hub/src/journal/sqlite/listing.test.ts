import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { DeliveryPosition } from '../delivery-page.ts';
import { Adapters } from './adapters.ts';
import { openDatabase } from './database.ts';
import { LIST_QUERIES, Listing } from './listing.ts';
import { Reader } from './reader.ts';

function useDatabase() {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-listing-'));
  const { database } = openDatabase(folder);
  onTestFinished(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  return database;
}

it.each([
  [LIST_QUERIES.open, 'USING INDEX delivery_open (adapter=? AND seq<?)'],
  [LIST_QUERIES.dead, 'USING INDEX delivery_dead (adapter=? AND seq<?)'],
  [LIST_QUERIES.deadOldestFirst, 'USING INDEX delivery_dead (adapter=? AND seq>?)'],
])('lists what is not delivered over a partial index, in its order (%#)', (query, index) => {
  const plan = useDatabase()
    .prepare(`EXPLAIN QUERY PLAN ${query}`)
    .all()
    .map(({ detail }) => String(detail));
  expect(plan[0]).toContain(index);
  expect(plan[1]).toContain('SEARCH event USING INTEGER PRIMARY KEY');
  expect(plan.filter((step) => step.startsWith('SCAN') || step.includes('TEMP B-TREE'))).toEqual([]);
});

/** 20,000 events, all dead at billing and delivered at records; only the oldest is of the type Rare. */
function useManyDeadLetters(): Listing {
  const database = useDatabase();
  database.exec(`
    BEGIN;
    CREATE TEMP TABLE number AS
    WITH RECURSIVE number (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM number WHERE value < 20000)
    SELECT value FROM number;
    INSERT INTO adapter VALUES (1, 'billing'), (2, 'records');
    INSERT INTO event
    SELECT value, 'event-' || value, '', CASE value WHEN 1 THEN 'Rare' ELSE 'Common' END, '', 0, '', '{}', x'', 0, 0,
      x'', NULL, NULL
    FROM temp.number;
    INSERT INTO delivery
    SELECT seq, adapter.number, '', CASE adapter.number WHEN 1 THEN 4 ELSE 2 END, 1, 1, 1, 0, 0, 0, NULL, NULL FROM event, adapter;
    COMMIT;`);
  const adapters = new Adapters(database);
  return new Listing({ database, adapters, reader: new Reader(database, adapters) });
}

it('looks at some thousands at a time, and finds the one among many in the end', () => {
  const listing = useManyDeadLetters();
  const filter = { states: ['dead_lettered'], types: ['Rare'] } as const;
  const found: string[] = [];
  let pages = 0;
  let after: DeliveryPosition | undefined;
  do {
    const page = listing.page({ filter, limit: 10, ...(after && { after }) });
    found.push(...page.deliveries.map(({ eventId }) => eventId));
    after = page.next;
    pages++;
  } while (after !== undefined);
  expect(found).toEqual(['event-1']);
  expect(pages).toBe(10);
});

it('answers a page of dead letters without looking at the others', () => {
  const listing = useManyDeadLetters();
  const { deliveries, next } = listing.page({ filter: { states: ['dead_lettered'] }, limit: 2 });
  expect(deliveries.map(({ seq }) => seq)).toEqual([20_000, 19_999]);
  expect(next).toEqual({ seq: 19_999, adapter: 'billing' });
});
