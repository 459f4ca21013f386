import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FolderInUse, lockFolder } from './folder-lock.ts';

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'data');
}

/** Locks the folder in a process of its own, which keeps it. */
async function lockElsewhere(folder: string) {
  const lock = `
    import { lockFolder } from ${JSON.stringify(new URL('folder-lock.ts', import.meta.url).href)};
    globalThis.unlock = lockFolder(${JSON.stringify(folder)});
    process.stdout.write('locked');
    setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', lock], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

it('is refused to a second process, until the first is gone, also by a kill -9', async () => {
  const folder = newFolder();
  const first = await lockElsewhere(folder);
  expect(() => lockFolder(folder)).toThrow(FolderInUse);
  expect(() => lockFolder(folder)).toThrow(/in use by another hub.*data folder of its own/);
  const exited = once(first, 'exit');
  first.kill('SIGKILL');
  await exited;
  lockFolder(folder)();
});

it('is free again once it was let go of', () => {
  const folder = newFolder();
  lockFolder(folder)();
  lockFolder(folder)();
});
