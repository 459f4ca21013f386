import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FILE_NAME, openDatabase } from '../sqlite/database.ts';
import { useFolder } from '../sqlite/fixtures/old-journal.fixture.ts';
import { CommitHighWaterMark, markPath, missingCommits, readHighWater } from './high-water-mark.ts';
import { verifyJournal } from './verify-journal.ts';

const COMMIT = { id: '0a1b2c3d', newestSeq: 7, positions: 12 };

/** Where a mark says how far the journal had come. */
function useMark(): string {
  const path = join(useFolder(), FILE_NAME);
  const mark = new CommitHighWaterMark(markPath(path));
  onTestFinished(() => mark.close());
  mark.advance({ ...COMMIT, newestSeq: 6 });
  mark.advance(COMMIT);
  return path;
}

it('is content with a journal that has all that was reported, or more', () => {
  const path = useMark();
  expect(missingCommits(path, COMMIT)).toBeUndefined();
  expect(missingCommits(path, { ...COMMIT, newestSeq: 8, positions: 13 })).toBeUndefined();
});

it('names what a journal lacks: an event, or a record alone', () => {
  const path = useMark();
  expect(missingCommits(path, { ...COMMIT, newestSeq: 6 })).toMatch(
    /ends with seq 6 and position 12, but a hub already reported seq 7 and position 12: its log .*journal\.db-wal is damaged/,
  );
  expect(missingCommits(path, { ...COMMIT, positions: 11 })).toMatch(
    /seq 7 and position 11, but .* seq 7 and position 12/,
  );
});

it('recognises the files of another journal that were put in its place', () => {
  expect(missingCommits(useMark(), { ...COMMIT, id: 'ffffffff' })).toMatch(
    /is journal ffffffff, but the one that was here/,
  );
});

it('says nothing where there is none', () => {
  const path = useMark();
  rmSync(markPath(path));
  expect(missingCommits(path, { ...COMMIT, newestSeq: 0 })).toBeUndefined();
});

it.each([0, 5, 27])('does no harm when it is damaged at byte %i', (place) => {
  const path = useMark();
  const bytes = readFileSync(markPath(path));
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
  writeFileSync(markPath(path), bytes);
  expect(missingCommits(path, { ...COMMIT, newestSeq: 0 })).toBeUndefined();
});

it('refuses a journal whose log lost its end, and keeps the log', () => {
  const folder = useFolder();
  const path = join(folder, FILE_NAME);
  const { database } = openDatabase(folder);
  const commit = (seq: number) => {
    database.exec(`INSERT INTO event VALUES (${seq}, 'event-${seq}', '', '', '', 0, '', '{}', x'', 0, 0, '', 0, x'')`);
    return readFileSync(`${path}-wal`);
  };
  const earlier = commit(1);
  commit(2);
  const mark = new CommitHighWaterMark(markPath(path));
  mark.advance(readHighWater(database));
  mark.close();
  // As if killed: the files as they are now, in another folder.
  const killed = useFolder();
  copyFileSync(path, join(killed, FILE_NAME));
  copyFileSync(markPath(path), join(killed, `${FILE_NAME}-end`));
  writeFileSync(join(killed, `${FILE_NAME}-wal`), earlier, { mode: 0o600 });
  database.close();
  expect(() => openDatabase(killed)).toThrow(/ends with seq 1 and position 0, but a hub already reported seq 2/);
  expect(readFileSync(join(killed, `${FILE_NAME}-wal.kept`)).equals(earlier)).toBe(true);
  // Also when the log is gone, moved into the database as that was closed.
  expect(() => openDatabase(killed)).toThrow(/ends with seq 1/);
  expect(verifyJournal(killed).problems).toContainEqual(expect.stringMatching(/ends with seq 1/));
});
