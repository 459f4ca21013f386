import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { useAdapterPackages } from '../adapter-packages.fixture.ts';
import { adapter } from '../suite/lab-adapter.fixture.ts';

const runtimes = fileURLToPath(new URL('..', import.meta.url));

/**
 * A hub of a few lines: starts the adapter, prints its receipt, and waits to be killed. Asked to stop, it becomes another
 * program at once, as a hub whose disk failed does.
 */
const program = (folder: string) => `
import { createProcessRuntime } from ${JSON.stringify(join(runtimes, 'process/process-runtime.ts'))};
import { readManifest } from ${JSON.stringify(join(runtimes, 'manifest.ts'))};
import { attemptOf, never } from ${JSON.stringify(join(runtimes, 'suite/lab-adapter.fixture.ts'))};
const log = { debug() {}, info() {}, warn() {}, error() {} };
const manifest = await readManifest('adapter-lab', ${JSON.stringify(folder)});
const runtime = createProcessRuntime({ manifest, config: {}, log, hubVersion: '0.0.0' });
const start = await runtime.start();
if (start.kind !== 'ready') throw new Error(start.reason);
const { receipt } = await runtime.deliver(attemptOf(), never());
console.log(receipt);
process.once('SIGTERM', () => process.execve('/bin/sh', ['sh', '-c', 'exit 4'], process.env));
setInterval(() => {}, 1e6);
`;

async function hubOf(push: string) {
  const packages = await useAdapterPackages();
  const module = adapter(`push: () => { ${push} }`, "import { spawn } from 'node:child_process';");
  await packages.add('adapter-lab', { files: { 'index.js': module } });
  const file = join(packages.folder, 'hub.ts');
  await writeFile(file, program(packages.folder));
  const tmp = join(packages.folder, 'a tmp');
  await mkdir(tmp);
  const env = { ...process.env, TMPDIR: tmp };
  const hub = spawn(process.execPath, [...process.execArgv, file], { stdio: ['ignore', 'pipe', 'inherit'], env });
  const failed = once(hub, 'exit').then(([code]) => Promise.reject(new Error(`the hub ended with ${code}, see above`)));
  const [line] = await Promise.race([once(hub.stdout, 'data'), failed]);
  failed.catch(() => undefined);
  return { hub, pids: String(line).trim().split(' ').map(Number), tmp };
}

/** Not by a timer: on a machine under load that goes off before the receipt is on its way. */
const LOOP_WHEN_ASKED = "process.once('SIGUSR2', () => { for (;;); });";

it.each([
  ['that is idle', "process.once('SIGUSR2', () => {}); return process.pid + ' ' + spawn('sleep', ['1000']).pid;"],
  ['that is in an endless loop', `${LOOP_WHEN_ASKED} return process.pid + ' ' + spawn('sleep', ['1000']).pid;`],
])('a process %s ends with its hub, and so does what it forked, also by kill -9', async (_what, push) => {
  const { hub, pids, tmp } = await hubOf(push);
  expect(await readdir(tmp)).toHaveLength(1);
  expect(pids.map(isAlive)).toEqual([true, true]);
  process.kill(pids[0] ?? 0, 'SIGUSR2');
  // The loop has begun by then; ending too early would only make the test weaker.
  await sleep(100);
  hub.kill('SIGKILL');
  while (pids.some(isAlive)) await sleep(10);
  while ((await readdir(tmp)).length > 0) await sleep(10);
});

it('and also when all processes of its user got a signal that ends a shell', async () => {
  const { hub, pids } = await hubOf(`${LOOP_WHEN_ASKED} return String(process.pid);`);
  const children = (await readFile(`/proc/${hub.pid}/task/${hub.pid}/children`, 'utf8')).trim().split(' ').map(Number);
  const guards = children.filter((pid) => !pids.includes(pid));
  expect(guards).toHaveLength(1);
  for (const signal of ['SIGUSR1', 'SIGHUP', 'SIGTERM'] as const) for (const pid of guards) process.kill(pid, signal);
  process.kill(pids[0] ?? 0, 'SIGUSR2');
  // The loop has begun by then; ending too early would only make the test weaker.
  await sleep(100);
  hub.kill('SIGKILL');
  while (pids.some(isAlive)) await sleep(10);
});

it('and so does its socket, when the hub ends by becoming another program', async () => {
  const { hub, pids, tmp } = await hubOf('return String(process.pid);');
  hub.kill('SIGTERM');
  while (pids.some(isAlive) || (await readdir(tmp)).length > 0) await sleep(10);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
