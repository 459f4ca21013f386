import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { useDatabase } from '@hms-sync/testing/postgres';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

const program = fileURLToPath(new URL('start.ts', import.meta.url));
const bin = fileURLToPath(new URL('../../cli/bin/hms-sync.js', import.meta.url));

let folder: string;
let config: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-sync-start-'));
  config = join(folder, 'hms-sync.yaml');
  await writeFile(config, 'listen: 127.0.0.1:0\ndataDir: data\nlogLevel: trace\nadapters: []\n');
});
afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const isRoot = process.getuid?.() === 0;
const allowRoot = isRoot ? ['--allow-root'] : [];
const hubArgs = () => ['--conditions=@hms-sync/source', program, '--config', config, ...allowRoot];

function start(command: string, args: readonly string[], stdio: [unknown, unknown, unknown]): ChildProcess {
  const child = spawn(command, args, { stdio: stdio as ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  return child;
}

/** Process 1 of a namespace, and so for the system what a container's is. */
async function startAsFirst(args: readonly string[]) {
  const unshare = start(
    'unshare',
    ['--pid', '--fork', '--mount-proc', process.execPath, ...args],
    ['ignore', 'ignore', 'ignore'],
  );
  for (;;) {
    const children = await readFile(`/proc/${unshare.pid}/task/${unshare.pid}/children`, 'utf8').catch(() => '');
    const pid = Number.parseInt(children, 10);
    // Not before it is Node: unshare itself is to be asked nothing.
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(args.at(-1) as string)) return { unshare, pid };
    await sleep(1);
  }
}

async function hasEnded(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(10);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const canUnshare = process.platform === 'linux' && isRoot;

it.runIf(canUnshare).each([
  ['the hub', () => hubArgs()],
  ['the command', () => [bin, 'start', '--config', config, ...allowRoot]],
])('%s, as process 1 of a container, ends by a SIGTERM at any time after its start', async (_what, args) => {
  const ends = [30, 60, 100, 150, 250, 400, 700, 1_200].map(async (ms) => {
    const { pid } = await startAsFirst([...args(), '--data-dir', join(folder, String(ms))]);
    await sleep(ms);
    process.kill(pid, 'SIGTERM');
    await hasEnded(pid);
  });
  await Promise.all(ends);
});

describe('a hub that starts', () => {
  it.runIf(isRoot)('as root ends with code 2, says what to do, and writes nothing', async () => {
    const args = ['--conditions=@hms-sync/source', program, '--config', config];
    const hub = start(process.execPath, args, ['ignore', 'pipe', 'pipe']);
    let said = '';
    hub.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    expect(await once(hub, 'close')).toEqual([2, null]);
    expect(said).toMatch(/^hms-sync: the hub does not run as root, .*User=.*--allow-root[^\n]*\n$/);
    expect(existsSync(join(folder, 'data'))).toBe(false);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends well by a %s that comes while it loads its code', async (signal) => {
    const early = join(folder, 'early.mjs');
    // Sent by itself, at the first instant at which main.ts is loaded.
    await writeFile(
      early,
      `import { registerHooks } from 'node:module';
       registerHooks({ load(url, context, next) {
         if (url.endsWith('/src/main.ts')) process.kill(process.pid, '${signal}');
         return next(url, context);
       } });`,
    );
    const hub = start(process.execPath, ['--import', early, ...hubArgs()], ['ignore', 'ignore', 'ignore']);
    expect(await once(hub, 'exit')).toEqual([0, null]);
  });
});

const ready = async (hub: ChildProcess) => JSON.parse(String((await once(hub.stdout as never, 'data'))[0]));

describe('a hub of a cluster', () => {
  /** How it ended, and all that it wrote. */
  async function ended(hub: ChildProcess) {
    let said = '';
    for (const output of [hub.stdout, hub.stderr]) output?.on('data', (chunk) => (said += chunk));
    const [code] = await once(hub, 'close');
    return { code, said };
  }

  async function journal(url: string): Promise<void> {
    await mkdir(join(folder, 'secrets'));
    await writeFile(join(folder, 'secrets', 'DATABASE_PASSWORD'), 'pass/word\n');
    const withPassword = url.replace('@', `:\${DATABASE_PASSWORD}@`);
    await appendFile(config, `secretsDir: secrets\njournal: ${withPassword}\n`);
  }

  it('is refused the data folder of another one', async () => {
    await journal(await useDatabase());
    await ready(start(process.execPath, hubArgs(), ['ignore', 'pipe', 'ignore']));
    const { code, said } = await ended(start(process.execPath, hubArgs(), ['ignore', 'pipe', 'pipe']));
    expect([code, said]).toEqual([4, expect.stringMatching(/^hms-sync: The data folder .* in use by another hub/m)]);
  });

  it('ends when its database is not there, and shows no password', async () => {
    await journal(`${await useDatabase()}_elsewhere`);
    const { code, said } = await ended(start(process.execPath, hubArgs(), ['ignore', 'pipe', 'pipe']));
    expect([code, said]).toEqual([
      4,
      expect.stringMatching(/_elsewhere" does not exist\)\. Create the database first/),
    ]);
    expect(said).not.toMatch(/pass(\/|%2F)word/);
  });
});

describe('a hub that runs', () => {
  it('goes on after SIGHUP, and says so in its log', async () => {
    const hub = start(process.execPath, hubArgs(), ['ignore', 'pipe', 'pipe']);
    const { address } = await ready(hub);
    let log = '';
    const said = new Promise<void>((resolve) => {
      hub.stderr?.on('data', (chunk) => {
        log += chunk;
        if (log.includes('SIGHUP')) resolve();
      });
    });
    hub.kill('SIGHUP');
    await said;
    expect((await fetch(`${address}/healthz`)).ok).toBe(true);
    hub.kill('SIGTERM');
    expect(await once(hub, 'exit')).toEqual([0, null]);
  });

  it('starts, serves and stops while nobody reads its log, and its pipe is full', async () => {
    const { blocking, close } = openFullPipe();
    onTestFinished(close);
    const hub = start(process.execPath, hubArgs(), ['ignore', 'pipe', blocking]);
    const { address } = await ready(hub);
    expect((await fetch(`${address}/healthz`)).ok).toBe(true);
    hub.kill('SIGHUP');
    expect((await fetch(`${address}/healthz`)).ok).toBe(true);
    hub.kill('SIGTERM');
    expect(await once(hub, 'exit')).toEqual([0, null]);
  });

  it.runIf(process.platform === 'linux').each([
    ['stderr is on a full disk', ['ignore', 'pipe', 'full']],
    ['stdout is on a full disk', ['ignore', 'full', 'pipe']],
  ])('stops well when %s', async (_what, kinds) => {
    const full = openSync('/dev/full', 'a');
    const hub = start(
      process.execPath,
      hubArgs(),
      kinds.map((kind) => (kind === 'full' ? full : kind)) as [unknown, unknown, unknown],
    );
    closeSync(full);
    if (kinds[1] === 'pipe') await ready(hub);
    else await logs(hub, 'ready');
    hub.kill('SIGTERM');
    expect(await once(hub, 'exit')).toEqual([0, null]);
  });

  it.each(['stdout', 'stderr'] as const)('stops well when the reader of its %s is gone', async (stream) => {
    const hub = start(process.execPath, hubArgs(), ['ignore', 'pipe', 'pipe']);
    hub[stream]?.destroy();
    if (stream === 'stdout') await logs(hub, 'ready');
    else await ready(hub);
    hub.kill('SIGTERM');
    expect(await once(hub, 'exit')).toEqual([0, null]);
  });
});

async function logs(hub: ChildProcess, word: string): Promise<void> {
  let log = '';
  for await (const chunk of hub.stderr ?? []) {
    log += chunk;
    if (log.includes(word)) return;
  }
}

/** A pipe without room for one more byte, whose writers wait for a reader, as those of a shell's do. */
function openFullPipe() {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const blocking = openSync(path, 'w');
  try {
    for (;;) writeSync(filler, 'x');
  } catch {
    // EAGAIN: it is full.
  }
  return { blocking, close: () => [reader, filler, blocking].forEach((fd) => void closeSync(fd)) };
}
