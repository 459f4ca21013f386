import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import type { Call } from '../calls.ts';
import type { JournalStatistics } from '../journal.ts';
import { NOW_MS, recordRequest, retrying, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.fixture.ts';
import { Checkpoint } from './checkpoint.ts';
import { openDatabase } from './database.ts';
import { fileDisk } from './disk.ts';
import { LIST_QUERIES } from './lists.ts';
import { migrate } from './schema.ts';
import { Store } from './store.ts';

function useStore() {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-store-'));
  const opened = openDatabase(folder);
  onTestFinished(() => {
    opened.database.close();
    rmSync(folder, { recursive: true });
  });
  const store = new Store(opened.database, fileDisk(opened.path, 0));
  const lane = { adapter: 'billing', onDeadLetter: 'continue', nowMs: NOW_MS, longestWaitMs: 1 } as const;
  store.run([
    { name: 'setReceivers', request: ['billing', 'records'] },
    { name: 'openLane', request: lane },
  ]);
  return { ...opened, store, run: (...calls: Call[]) => store.run(calls).answers };
}

const full = { kind: 'full', freeBytes: expect.any(Number), reserveBytes: expect.any(Number) };

function accept(id: string, sizeBytes = 100): Call {
  return { name: 'accept', request: sampleAccept(sampleEvent(id, { data: new Uint8Array(sizeBytes) })) };
}

function record(seq: number, change: typeof sampleRecord | typeof retrying = sampleRecord, receiptBytes = 20): Call {
  const attempt = { startedAtMs: 0, durationMs: 1, outcome: 'delivered', receipt: 'r'.repeat(receiptBytes) } as const;
  const outcome = change({ seq, id: 'a' }, { attempt });
  return { name: 'record', request: recordRequest(outcome) };
}

function unsettled({ store }: ReturnType<typeof useStore>): readonly number[] {
  const { lanes } = store.run([{ name: 'readStatistics', request: undefined }]).answers[0] as JournalStatistics;
  return lanes.map((lane) => lane.unsettled);
}

/** The journal may grow by this many pages from now on: SQLite then says that the disk is full. */
function leavePages(database: ReturnType<typeof useStore>['database'], pages: number): void {
  const used = Number(database.prepare('PRAGMA page_count').get()?.page_count);
  database.exec(`PRAGMA max_page_count = ${used + pages}`);
}

it('on a full disk refuses the new events of a group, and still does the rest of it', () => {
  const used = useStore();
  expect(used.run(accept('a'), accept('b'))).toEqual([1, 2]);
  leavePages(used.database, 2);
  const readC: Call = { name: 'readEvent', request: { id: 'c' } };
  const answers = used.run(accept('c', 100_000), record(1), accept('a'), record(2, retrying), readC);
  expect(answers).toEqual([full, 1, expect.objectContaining({ kind: 'duplicate' }), 2, { kind: 'unknown' }]);
  expect(unsettled(used)).toEqual([1, 2]);
});

it('forgets what came with refused events', () => {
  const used = useStore();
  used.run(accept('a'));
  leavePages(used.database, 2);
  const scheduling: Call = { name: 'setReceivers', request: ['scheduling'] };
  expect(used.run(scheduling, accept('b'), accept('c', 100_000))).toEqual([undefined, full, full]);
  expect(unsettled(used)).toEqual([1, 1, 0]);
  expect(used.store.highWater).toEqual({ newestSeq: 1, positions: 0 });
  expect(used.run(accept('b'))).toEqual([2]);
  expect(unsettled(used)).toEqual([1, 1, 1]);
});

it('reports nothing of what was taken back', () => {
  const used = useStore();
  used.run(accept('a'), accept('b'));
  leavePages(used.database, 2);
  const report = used.store.run([record(1), accept('c', 100_000)]);
  expect(report.lanes).toMatchObject([{ adapter: 'billing', ready: [-1, NOW_MS], heads: [{ event: { id: 'b' } }] }]);
});

it('accepts new events again once there is room', () => {
  const { database, run } = useStore();
  run(accept('a'));
  leavePages(database, 2);
  expect(run(accept('b', 100_000))).toEqual([full]);
  database.exec('PRAGMA max_page_count = 1000000');
  expect(run(accept('b', 100_000))).toEqual([2]);
});

it('ends when not even a record finds room', () => {
  const { database, run } = useStore();
  run(accept('a'));
  leavePages(database, 0);
  expect(() => run(record(1, sampleRecord, 100_000))).toThrow('full');
});

it('does not try again after any other error', () => {
  const { database, run } = useStore();
  run(accept('a'));
  let tries = 0;
  database.function('fail_at_first', () => {
    tries++;
    if (tries === 1) throw new Error('the disk has a bad sector');
    return null;
  });
  database.exec('CREATE TEMP TRIGGER bad_sector BEFORE INSERT ON record BEGIN SELECT fail_at_first(); END');
  expect(() => run(record(1))).toThrow('bad sector');
  expect(tries).toBe(1);
});

it('keeps the WAL bounded by moving it into the database between commits', () => {
  const { database, path, run } = useStore();
  const checkpoint = new Checkpoint(database);
  const pageBytes = 1024 * 1024;
  for (let number = 0; number < 60; number++) {
    run(accept(`event-${number}`, pageBytes));
    checkpoint.runWhenDue();
  }
  expect(statSync(`${path}-wal`).size).toBeLessThan(24 * pageBytes);
  expect(statSync(path).size).toBeGreaterThan(40 * pageBytes);
});

/** Of what an operator does or a lane is opened with; of jobs; of the deliveries of one event; of health, now and then. */
const SORTED = [
  'SELECT seq FROM delivery INDEXED BY delivery_head',
  'SELECT seq FROM delivery INDEXED BY delivery_head',
  'SELECT DISTINCT key FROM delivery INDEXED BY delivery_dead',
  'SELECT content FROM replay_job',
  'SELECT delivery.adapter, record.position',
  'SELECT count(*) AS count FROM ( SELECT key, min(seq)',
];

it('runs no query that looks at all rows of a table, and none often that sorts them', () => {
  const database = new DatabaseSync(':memory:');
  migrate(database, 0);
  const queries: string[] = Object.values(LIST_QUERIES);
  const prepare = database.prepare.bind(database);
  database.prepare = (query) => {
    queries.push(query);
    return prepare(query);
  };
  new Store(database, { shortage: () => undefined, full: () => expect.fail(), sizeBytes: () => 0 });
  const plans = queries.flatMap((query) => {
    if (/^\s*(BEGIN|COMMIT)/.test(query)) return [];
    const text = query.trim().replaceAll(/\s+/g, ' ');
    return prepare(`EXPLAIN QUERY PLAN ${query}`)
      .all()
      .map(({ detail }) => ({ detail: String(detail), text }));
  });
  const small = /^SCAN (adapter|journal|watched_key|replay_job|dead)/;
  expect(plans.filter(({ detail }) => detail.startsWith('SCAN') && !small.test(detail))).toEqual([]);
  const sorted = plans.flatMap(({ detail, text }) => (detail.includes('TEMP B-TREE') ? text : []));
  expect(sorted).toEqual(SORTED.map((start) => expect.stringContaining(start)));
});
