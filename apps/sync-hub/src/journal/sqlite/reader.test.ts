import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from './database.ts';
import { OPEN_QUERIES } from './reader.ts';

it.each([
  [OPEN_QUERIES.all, 'USING INDEX delivery_open (adapter=? AND seq>? AND seq<?)'],
  [OPEN_QUERIES.ofKey, 'USING INDEX delivery_open_of_key (adapter=? AND key=? AND seq>? AND seq<?)'],
  [OPEN_QUERIES.withoutKey, 'USING INDEX delivery_open (adapter=? AND seq>? AND seq<?)'],
])('finds open deliveries over a partial index, in its order (%#)', (query, index) => {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-reader-'));
  const { database } = openDatabase(folder);
  onTestFinished(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  const plan = database
    .prepare(`EXPLAIN QUERY PLAN ${query}`)
    .all()
    .map(({ detail }) => String(detail));
  expect(plan[0]).toContain(index);
  expect(plan[1]).toContain('SEARCH event USING INTEGER PRIMARY KEY');
  expect(plan.filter((step) => step.startsWith('SCAN') || step.includes('TEMP B-TREE'))).toEqual([]);
});
