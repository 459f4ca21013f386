import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { BackupResult } from '../journal/journal.ts';
import { BACKUP_NAME, Backups } from './backups.ts';

interface Fixture {
  readonly folder: string;
  readonly backups: Backups;
  /** What is installed; a test changes it. */
  readonly installed: { lock: string; whileCopying: () => void };
}

function open(backup?: (path: string) => Promise<BackupResult>): Fixture {
  const parent = mkdtempSync(join(tmpdir(), 'hms-sync-backups-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  const folder = join(parent, 'backups');
  const installed = { lock: 'lab 1.0.0', whileCopying: () => {} };
  const write = async (path: string): Promise<BackupResult> => {
    writeFileSync(path, 'a journal', { flag: 'wx', mode: 0o600 });
    return { kind: 'done', path, sizeBytes: 9 };
  };
  const backups = new Backups({
    folder,
    journal: { backup: backup ?? write },
    installed: {
      state: async () => installed.lock,
      copyTo: async (target) => {
        mkdirSync(target);
        writeFileSync(join(target, 'adapters.lock'), installed.lock);
        installed.whileCopying();
      },
    },
  });
  return { folder, backups, installed };
}

it('a backup is a data folder for its owner alone: the journal, and the adapters with their lock', async () => {
  const { folder, backups } = open();
  const path = join(folder, '2026-01-31');
  expect(await backups.make('2026-01-31')).toEqual({ kind: 'done', path, sizeBytes: 18 });
  expect(readdirSync(path).sort()).toEqual(['adapters', 'journal.db']);
  expect(readdirSync(folder)).toEqual(['2026-01-31']);
  for (const place of [folder, path]) expect(statSync(place).mode & 0o777).toBe(0o700);
});

it('without an installed adapter it is the journal alone', async () => {
  const { folder, backups, installed } = open();
  installed.lock = '';
  await backups.make('a');
  expect(readdirSync(join(folder, 'a'))).toEqual(['journal.db']);
});

it('never overwrites what has the name, whatever it is', async () => {
  const { folder, backups } = open();
  await backups.make('a');
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'file'), 'kept');
  symlinkSync('/nowhere', join(folder, 'link'));
  for (const name of ['a', 'empty', 'file', 'link']) {
    const reason = `${join(folder, name)} is there already. Choose another name.`;
    expect(await backups.make(name)).toEqual({ kind: 'rejected', reason });
  }
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('kept');
});

it.each([
  '',
  '.',
  '..',
  '.a',
  '../a',
  'a/b',
  '/etc/passwd',
  'a\\b',
  'a..b',
  'a\0b',
  'a\n',
  ' a',
  'ä',
  '-a',
  'a'.repeat(101),
])('refuses a name that is a path, hidden or not plain: %j', async (name) => {
  const { folder, backups } = open();
  expect(BACKUP_NAME.test(name)).toBe(false);
  expect(await backups.make(name)).toMatchObject({ kind: 'rejected' });
  expect(() => readdirSync(folder)).toThrow('ENOENT');
});

it('begins again when an adapter was changed meanwhile, so that both parts are of one time', async () => {
  const { folder, backups, installed } = open();
  installed.whileCopying = () => {
    installed.lock = 'lab 2.0.0';
  };
  expect(await backups.make('a')).toMatchObject({ kind: 'done' });
  expect(readFileSync(join(folder, 'a', 'adapters', 'adapters.lock'), 'utf8')).toBe('lab 2.0.0');
});

it('is refused when adapters change all the time, and leaves nothing behind', async () => {
  const { folder, backups, installed } = open();
  let changes = 0;
  installed.whileCopying = () => {
    installed.lock = `lab ${changes++}`;
  };
  expect(await backups.make('a')).toMatchObject({ reason: expect.stringContaining('Adapters are being') });
  expect(readdirSync(folder)).toEqual([]);
});

it('passes on why the journal has no copy, and leaves nothing behind', async () => {
  const { folder, backups } = open(async () => ({ kind: 'rejected', reason: 'no room' }));
  expect(await backups.make('a')).toEqual({ kind: 'rejected', reason: 'no room' });
  expect(readdirSync(folder)).toEqual([]);
});

it('is refused in a folder that others may write, and in one that cannot be made', async () => {
  const { folder, backups } = open();
  mkdirSync(folder, { mode: 0o777 });
  expect(await backups.make('a')).toMatchObject({ reason: expect.stringContaining(`chmod 700 ${folder}`) });
  rmSync(folder, { recursive: true });
  writeFileSync(folder, 'a file');
  expect(await backups.make('a')).toMatchObject({ kind: 'rejected', reason: expect.stringContaining(folder) });
});

it('takes the place of what a hub left that was killed in the middle of a backup', async () => {
  const { folder, backups } = open();
  mkdirSync(join(folder, '.a.partial'), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, '.a.partial', 'journal.db'), 'half a journal');
  expect(await backups.make('a')).toMatchObject({ kind: 'done' });
  expect(readdirSync(folder)).toEqual(['a']);
});
