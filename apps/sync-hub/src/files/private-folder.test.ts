import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FolderError, makePrivateFolder, requirePrivate, requireSafeParents } from './private-folder.ts';

function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-private-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** What the check of a folder says; empty when it passes. */
function complaint(check: () => void): string {
  try {
    check();
    return '';
  } catch (error) {
    if (error instanceof FolderError) return error.message;
    throw error;
  }
}

it.each([0o777, 0o1777, 0o770, 0o755, 0o701])('refuses a folder of mode %o, and names the chmod', (mode) => {
  const folder = useFolder();
  chmodSync(folder, mode);
  expect(complaint(() => requirePrivate(folder))).toContain(`mode 0${mode.toString(8)}`);
  expect(complaint(() => requirePrivate(folder))).toContain(`Run: chmod 700 ${folder}`);
});

it.each([0o666, 0o644, 0o640, 0o602])('refuses a file in it of mode %o, and names the chmod', (mode) => {
  const file = join(useFolder(), 'journal.db');
  writeFileSync(file, '');
  chmodSync(file, mode);
  expect(complaint(() => requirePrivate(join(file, '..'), ['other', 'journal.db']))).toContain(`chmod 600 ${file}`);
});

it('passes a folder and files for their owner alone, and what does not exist', () => {
  const folder = useFolder();
  writeFileSync(join(folder, 'journal.db'), '', { mode: 0o600 });
  mkdirSync(join(folder, 'adapters'), { mode: 0o700 });
  requirePrivate(folder, ['journal.db', 'adapters', 'adapters/adapters.lock']);
  requirePrivate(join(folder, 'later'));
});

it('refuses a link in the place of a file, and looks behind one in the place of the folder', () => {
  const folder = useFolder();
  writeFileSync(join(folder, 'elsewhere'), '', { mode: 0o600 });
  symlinkSync('elsewhere', join(folder, 'journal.db'));
  expect(complaint(() => requirePrivate(folder, ['journal.db']))).toContain('neither a file nor a folder');
  const loose = join(folder, 'loose');
  mkdirSync(loose);
  chmodSync(loose, 0o777);
  symlinkSync(loose, join(folder, 'data'));
  expect(complaint(() => requirePrivate(join(folder, 'data')))).toContain(`chmod 700 ${loose}`);
});

it('refuses a folder in one that every user may write, unless the sticky bit keeps them from it', () => {
  const parent = join(useFolder(), "who's");
  mkdirSync(parent);
  for (const folder of [join(parent, 'data'), join(parent, 'a', 'b', 'data')]) {
    chmodSync(parent, 0o777);
    expect(complaint(() => requirePrivate(folder))).toContain(`chmod o-w '${parent.replace("'", "'\\''")}'`);
    chmodSync(parent, 0o1777);
    expect(complaint(() => requirePrivate(folder))).toBe('');
  }
});

it('sees such a parent behind a link too', () => {
  const folder = useFolder();
  mkdirSync(join(folder, 'open', 'data'), { recursive: true, mode: 0o700 });
  chmodSync(join(folder, 'open'), 0o777);
  symlinkSync(join(folder, 'open', 'data'), join(folder, 'link'));
  expect(complaint(() => requireSafeParents(join(folder, 'link')))).toContain(join(folder, 'open'));
  expect(complaint(() => requireSafeParents(join(folder, 'link', 'new')))).toContain(join(folder, 'open'));
});

it.runIf(process.geteuid?.() === 0)(
  'refuses what belongs to another user, and a parent of a group it is not in',
  () => {
    const folder = useFolder();
    const data = join(folder, 'data');
    mkdirSync(data, { mode: 0o700 });
    chownSync(data, 12_345, 0);
    expect(complaint(() => requirePrivate(data))).toContain('belongs to user 12345');
    chownSync(data, 0, 0);
    chownSync(folder, 0, 12_345);
    chmodSync(folder, 0o770);
    expect(complaint(() => requirePrivate(data))).toContain(`chmod g-w ${folder}`);
  },
);

it('makes a folder, and those above it, for this user alone', () => {
  const folder = join(useFolder(), 'new', 'data');
  const before = process.umask(0);
  onTestFinished(() => void process.umask(before));
  makePrivateFolder(folder);
  for (const path of [folder, join(folder, '..')]) expect(statSync(path).mode & 0o777).toBe(0o700);
});
