import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { adapter } from '../suite/lab-adapter.fixture.ts';
import { startHostile } from './hostile-adapter.fixture.ts';

/** Tries everything that can be permitted; its receipt reports what was let through. */
const trying = (folder: string) =>
  adapter(
    `push: async () => {
      const tried = { read: () => readFileSync('/etc/hostname'), write: () => writeFileSync('${folder}/x', ''),
        child: () => spawnSync('true').error && fail(), worker: () => new Worker('0', { eval: true }).terminate() };
      return Object.keys(tried).filter((name) => { try { tried[name](); return true; } catch { return false; } }).join(' ');
    }`,
    `import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
const fail = () => { throw new Error(); };`,
  );

it.each([
  ['nothing', {}, ''],
  ['what it may read', { fsRead: ['/etc/hostname'] }, 'read'],
  ['where it may write', { fsWrite: ['.'] }, 'write'],
  ['children and workers', { childProcess: true, worker: true }, 'child worker'],
])('an adapter that declares %s is held to it, and runs', async (_what, permissions, allowed) => {
  const folder = await scratchFolder();
  const declared = 'fsWrite' in permissions ? { fsWrite: [folder] } : permissions;
  const held = await startHostile(trying(folder), { manifest: { permissions: declared } });
  expect(held.start).toMatchObject({ kind: 'ready' });
  expect(await held.deliver()).toEqual({ kind: 'delivered', receipt: allowed });
});

it('an adapter that declares no permissions may what the hub may', async () => {
  const free = await startHostile(trying(await scratchFolder()));
  expect(await free.deliver()).toEqual({ kind: 'delivered', receipt: 'read write child worker' });
});

it('an adapter sees nothing of the environment of its hub but what it needs to find its way', async () => {
  process.env.BILLING_TOKEN = 'hunter2';
  onTestFinished(() => {
    delete process.env.BILLING_TOKEN;
  });
  const received = await startHostile(adapter('push: () => Object.keys(process.env).join()'));
  const outcome = await received.deliver();
  expect(JSON.stringify(outcome)).toContain('PATH');
  expect(JSON.stringify(outcome)).not.toContain('BILLING_TOKEN');
});

async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-scratch-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
