import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../test/fake-hub.ts';
import { ExitCode } from './failure.ts';

const bin = fileURLToPath(import.meta.resolve('../bin/hms-sync.js'));
const pretendVersion = fileURLToPath(import.meta.resolve('../test/pretend-node-version.cjs'));

/** Where the tests run as root, their hubs do, and need the flag that says that this is meant. */
const allowRoot = process.getuid?.() === 0 ? ['--allow-root'] : [];

interface Ended {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

function runBin(args: string[], { node = process.execPath, nodeArgs = [] as string[], env = {} } = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, NODE_OPTIONS: '', ...env } };
    const child = execFile(node, [...nodeArgs, bin, ...args], options, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

let fake: FakeHub | undefined;
afterEach(async () => {
  await fake?.close();
  fake = undefined;
});

interface NodeProcess {
  readonly pid: number;
  readonly args: readonly string[];
}

/** This process and all that it started, as far as they run Node. */
async function nodeProcessesBelow(pid: number): Promise<readonly NodeProcess[]> {
  const about = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8');
  const args = (await about('cmdline')).split('\0');
  const children = (await about(`task/${pid}/children`)).split(' ').filter(Boolean).map(Number);
  const below = await Promise.all(children.map(nodeProcessesBelow));
  const isNode = (await readlink(`/proc/${pid}/exe`)) === (await realpath(process.execPath));
  return [...(isNode ? [{ pid, args }] : []), ...below.flat()];
}

describe('a Node that is too old', () => {
  test.each(['12.22.12', '20.20.2', '24.14.9'])('%s gets one line that reports what to do', async (version) => {
    const ended = await runBin(['event', 'publish', '--type', 'T'], {
      nodeArgs: ['-r', pretendVersion],
      env: { PRETEND_NODE_VERSION: version },
    });
    expect(ended.exitCode).toBe(ExitCode.nodeTooOld);
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toMatch(/^hms-sync: Node [\d.]+ is too old, 24\.15\.0 or newer is needed: [^\n]+\n$/);
    expect(ended.stderr).toContain(version);
    expect(ended.stderr).toMatch(/or run: npx -p node@24 hms-sync\n$/);
  });

  test.each(['24.15.0', '26.0.0'])('%s is new enough', async (version) => {
    const nodeArgs = ['-r', pretendVersion];
    const ended = await runBin(['--version'], { nodeArgs, env: { PRETEND_NODE_VERSION: version } });
    expect(ended.exitCode).toBe(ExitCode.ok);
  });

  test('the file has no syntax that Node 12 cannot parse', async () => {
    const code = await readFile(bin, 'utf8');
    // What came after Node 12, and what an ES module needs: each of them is a SyntaxError before the first line runs.
    expect(code).not.toMatch(/\?\.|\?\?|^import |^export |import\.meta|^await |\|\|=|&&=|\d_\d|#\w+ *[=(;]/m);
  });
});

describe('the command from a checkout', () => {
  test('runs the sources without a warning', async () => {
    const ended = await runBin(['--version']);
    expect(ended).toMatchObject({ exitCode: ExitCode.ok, stderr: '' });
    expect(ended.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('finds the hub by HMS_SYNC_ADDRESS', async () => {
    fake = await startFakeHub();
    const env = { HMS_SYNC_ADDRESS: fake.address };
    const ended = await runBin(['event', 'publish', '--type', 'T'], { env });
    expect(ended.exitCode).toBe(ExitCode.ok);
    expect(ended.stdout).toMatch(/billing took it/);
  });

  test('reads the data of an event from stdin', async () => {
    fake = await startFakeHub();
    const child = spawn(process.execPath, [
      bin,
      'event',
      'publish',
      '--type',
      'T',
      '--data',
      '-',
      '--address',
      fake.address,
    ]);
    child.stdin.end('{"from":"stdin"}');
    expect(await once(child, 'exit')).toEqual([ExitCode.ok, null]);
    const payload = fake.published[0]?.event?.payload;
    expect(payload?.case === 'data' && new TextDecoder().decode(payload.value)).toBe('{"from":"stdin"}');
  });

  test('event watch prints on Ctrl-C the cursor to continue from', async () => {
    fake = await startFakeHub();
    await runBin(['event', 'publish', '--type', 'T', '--address', fake.address]);
    const child = spawn(process.execPath, [
      bin,
      'event',
      'watch',
      '--cursor',
      '0',
      '--jsonl',
      '--address',
      fake.address,
    ]);
    let stdout = '';
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk) => {
        stdout += chunk;
        if (stdout.split('\n').length > 3) resolve();
      });
    });
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([ExitCode.ok, null]);
    expect(stderr).toBe(`To continue from here: hms-sync event watch --cursor 3 --address ${fake?.address}\n`);
  });

  test.runIf(process.platform === 'linux')(
    'event watch ends on SIGTERM though nobody reads its output and its notes go to a full disk',
    async () => {
      const sent = Promise.withResolvers<void>();
      async function* watchAcks(_: unknown, { signal }: { signal: AbortSignal }) {
        // More than the connection holds, so the command has read some of it, and more than its pipe has room for.
        for (let cursor = 1; cursor <= 2_000; cursor++) {
          yield {
            acks: [{ eventId: 'e'.repeat(200), adapter: 'billing', cursor: String(cursor) }],
            cursor: String(cursor),
          };
        }
        sent.resolve();
        await once(signal, 'abort');
      }
      fake = await startFakeHub({ sync: { watchAcks } });
      const full = openSync('/dev/full', 'a');
      const args = [bin, 'event', 'watch', '--cursor', '0', '--jsonl', '--address', fake.address];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', full] });
      closeSync(full);
      await sent.promise;
      child.kill('SIGTERM');
      expect(await once(child, 'exit')).toEqual([ExitCode.ok, null]);
    },
  );

  test.runIf(process.platform === 'linux')('an output on a full disk is an error of one line', async () => {
    fake = await startFakeHub();
    const full = openSync('/dev/full', 'a');
    for (const args of [['--version'], ['event', 'publish', '--type', 'T', '--address', fake.address]]) {
      const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', full, 'pipe'] });
      let notes = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        notes += chunk.toString();
      });
      expect(await once(child, 'close')).toEqual([ExitCode.failed, null]);
      expect(notes).toBe('hms-sync: the output cannot be written (ENOSPC).\n');
    }
    closeSync(full);
  });

  test('a closed pipe is not an error', async () => {
    fake = await startFakeHub();
    const command = `"${process.execPath}" "${bin}" event publish --type T --address ${fake.address} | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await new Promise<Ended>((resolve) => {
      const child = execFile('bash', ['-c', command], (_, out, err) =>
        resolve({ exitCode: child.exitCode, stdout: out, stderr: err }),
      );
    });
    expect(stdout).toMatch(/^ACCEPTED .*\n0\n$/);
    expect(stderr).toBe('');
  });
});

describe('with the real hub, adapters and sandbox', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hms-sync-cli-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('dev --once --jsonl ends with three DELIVERED lines, and a second run keeps the events of the first', async () => {
    const dev = ['dev', '--once', '--jsonl', '--port', '0', '--data-dir', join(folder, 'data')];
    const cursors: string[] = [];
    for (let run = 0; run < 2; run++) {
      const ended = await runBin(dev);
      expect(ended).toMatchObject({ exitCode: ExitCode.ok, stderr: '' });
      const lines: Record<string, string>[] = ended.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      // Its adapters were ready before it was published: none of the lines is HELD.
      expect(lines.map(({ state }) => state)).toEqual(['ACCEPTED', 'DELIVERED', 'DELIVERED', 'DELIVERED']);
      const delivered = lines.filter(({ state }) => state === 'DELIVERED');
      expect(delivered.map(({ adapter }) => adapter).sort()).toEqual(['billing', 'records', 'scheduling']);
      cursors.push(lines[0]?.cursor ?? '');
    }
    // What the second accepts comes after the records of the first, one of each lane.
    const [first = '', second = ''] = cursors;
    const [journal = ''] = first.split('-');
    expect(second).toBe(`${journal}-billing.1_records.1_scheduling.1`);
  });

  test('start is replaced by the hub, so that kill -9 reaches it', async () => {
    const config = join(folder, 'hms-sync.yaml');
    await writeFile(config, 'listen: 127.0.0.1:0\ndataDir: data\nadapters: []\n');
    const child = spawn(process.execPath, [bin, 'start', '--config', config, ...allowRoot]);
    const [firstChunk] = await once(child.stdout, 'data');
    expect(JSON.parse(String(firstChunk))).toMatchObject({ ready: true, pid: child.pid });
    child.kill('SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  test.runIf(process.platform === 'linux')('no process of dev opens a debugger for SIGUSR1', async () => {
    const child = spawn(process.execPath, [bin, 'dev', '--jsonl', '--port', '0', '--data-dir', join(folder, 'data')]);
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    // The first acks: the hub and the adapters run.
    await once(child.stdout, 'data');
    const programs = await nodeProcessesBelow(child.pid ?? 0);
    // The command, the hub, the stand-ins and the first adapters.
    expect(programs.length).toBeGreaterThanOrEqual(4);
    for (const { args } of programs) expect(args).toContain('--disable-sigusr1');
    for (const { pid } of programs) process.kill(pid, 'SIGUSR1');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(stderr).not.toMatch(/debugger|inspector/i);
  });

  test.runIf(process.platform === 'linux')('the hub of start lives through SIGUSR1 and opens no debugger', async () => {
    const config = join(folder, 'hms-sync.yaml');
    await writeFile(config, 'listen: 127.0.0.1:0\ndataDir: data\nadapters: []\n');
    const child = spawn(process.execPath, [bin, 'start', '--config', config, ...allowRoot]);
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const [line] = await once(child.stdout, 'data');
    child.kill('SIGUSR1');
    expect((await fetch(`${JSON.parse(String(line)).address}/healthz`)).ok).toBe(true);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(stderr).not.toMatch(/debugger|inspector/i);
  });

  test('journal verify is replaced by the program that reads the file, with its exit code', async () => {
    const ended = await runBin(['journal', 'verify', '--data-dir', folder]);
    expect(ended.exitCode).toBe(ExitCode.dataFolder);
    expect(ended.stderr).toMatch(/^hms-sync: There is no journal [^\n]*\n$/);
  });

  test('the hub reports invalid usage of start, with its exit code', async () => {
    const ended = await runBin(['start', '--config', join(folder, 'missing.yaml')]);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr).toMatch(/^hms-sync: [^\n]*missing\.yaml[^\n]*\n$/);
  });
});
