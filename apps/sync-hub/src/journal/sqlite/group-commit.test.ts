import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { JournalRequest } from '../request.ts';
import { retrying, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.suite.ts';
import { Checkpoint } from './checkpoint.ts';
import { openDatabase } from './database.ts';
import { GroupCommit } from './group-commit.ts';

function useGroup() {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-group-'));
  const opened = openDatabase(folder);
  onTestFinished(() => {
    opened.database.close();
    rmSync(folder, { recursive: true });
  });
  return { ...opened, group: new GroupCommit({ ...opened, reserveBytes: 0 }) };
}

const full = { kind: 'full', freeBytes: expect.any(Number), reserveBytes: expect.any(Number) };

function accept(id: string, sizeBytes = 100): JournalRequest {
  return { kind: 'accept', accept: sampleAccept(sampleEvent(id, { data: new Uint8Array(sizeBytes) })) };
}

function record(seq: number, receiptBytes = 20): JournalRequest {
  const attempt = { startedAtMs: 0, durationMs: 1, outcome: 'delivered', receipt: 'r'.repeat(receiptBytes) } as const;
  return { kind: 'record', record: sampleRecord({ seq, id: 'a' }, { attempt }) };
}

/** The journal may grow by so many pages from now on: SQLite then says that the disk is full. */
function leavePages(database: ReturnType<typeof useGroup>['database'], pages: number): void {
  const used = Number(database.prepare('PRAGMA page_count').get()?.page_count);
  database.exec(`PRAGMA max_page_count = ${used + pages}`);
}

it('on a full disk refuses the new events of a group, and still does the rest of it', () => {
  const { database, group } = useGroup();
  expect(group.run([accept('a'), accept('b')])).toEqual([1, 2]);
  leavePages(database, 2);
  const answers = group.run([
    accept('c', 100_000),
    record(1),
    accept('a'),
    { kind: 'record', record: retrying({ seq: 2, id: 'b' }) },
    { kind: 'countDeliveries' },
    { kind: 'readEvent', id: 'c' },
  ]);
  expect(answers).toEqual([
    full,
    1,
    expect.objectContaining({ lastCursor: 0 }),
    2,
    [
      { adapter: 'billing', unsettled: 1, deadLetters: 0 },
      { adapter: 'records', unsettled: 2, deadLetters: 0 },
    ],
    undefined,
  ]);
});

it('forgets what came with refused events', () => {
  const { database, group } = useGroup();
  group.run([accept('a')]);
  leavePages(database, 2);
  const small: JournalRequest = {
    kind: 'accept',
    accept: sampleAccept(sampleEvent('b'), { adapters: ['scheduling'] }),
  };
  const before = group.run([{ kind: 'countDeliveries' }]);
  expect(group.run([small, accept('c', 100_000)])).toEqual([full, full]);
  expect(group.run([{ kind: 'countDeliveries' }])).toEqual(before);
  expect(group.lastSeq).toBe(1);
  expect(group.run([small])).toEqual([2]);
});

it('takes new events again once there is room', () => {
  const { database, group } = useGroup();
  group.run([accept('a')]);
  leavePages(database, 2);
  expect(group.run([accept('b', 100_000)])).toEqual([full]);
  database.exec('PRAGMA max_page_count = 1000000');
  expect(group.run([accept('b', 100_000)])).toEqual([2]);
});

it('gives up when not even a record finds room', () => {
  const { database, group } = useGroup();
  group.run([accept('a')]);
  leavePages(database, 0);
  expect(() => group.run([record(1, 100_000)])).toThrow('full');
});

it('does not try again after any other error', () => {
  const { database, group } = useGroup();
  group.run([accept('a')]);
  let tries = 0;
  database.function('fail_at_first', () => {
    tries++;
    if (tries === 1) throw new Error('the disk has a bad sector');
    return null;
  });
  database.exec('CREATE TEMP TRIGGER bad_sector BEFORE INSERT ON record BEGIN SELECT fail_at_first(); END');
  expect(() => group.run([record(1)])).toThrow('bad sector');
  expect(tries).toBe(1);
});

it('keeps the WAL bounded by moving it into the database between commits', () => {
  const { database, path, group } = useGroup();
  const checkpoint = new Checkpoint(database);
  const pageBytes = 1024 * 1024;
  for (let number = 0; number < 60; number++) {
    group.run([accept(`event-${number}`, pageBytes)]);
    checkpoint.runWhenDue();
  }
  expect(statSync(`${path}-wal`).size).toBeLessThan(24 * pageBytes);
  expect(statSync(path).size).toBeGreaterThan(40 * pageBytes);
});
