import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished, test } from 'vitest';
import { runInProcess } from '../test/run-in-process.ts';
import { ExitCode } from './failure.ts';
import { sandboxProgram } from './programs.ts';

const page = await readFile(new URL('../../../docs/get-started.md', import.meta.url), 'utf8');
const bin = fileURLToPath(new URL('../bin/hms-sync.js', import.meta.url));

/** Starts a program, and gives the JSON that it says when it is ready. It ends with the test. */
async function started(
  args: readonly string[],
): Promise<{ address: string; control: string; systems: Record<string, string> }> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit');
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return JSON.parse(line);
}

test('the steps of docs/get-started.md lead to a hub that delivers, waits for a system that is down, and delivers then', async ({
  expect,
}) => {
  const yaml = /^```yaml\n(# stand-ins.yaml\n.*?)^```$/ms.exec(page)?.[1] ?? '';
  const [first = [], second = []] = [...page.matchAll(/^npx hms-sync (event publish .*)$/gm)].map(([, line = '']) =>
    [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''),
  );
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-docs-'));
  onTestFinished(() => rm(folder, { recursive: true }));

  const { systems, control } = await started(['--conditions=@hms-sync/source', fileURLToPath(sandboxProgram())]);
  const ports = { '7101': systems.scheduling, '7102': systems.records, '7103': systems.billing };
  const config = Object.entries(ports).reduce(
    (text, [port, address]) => text.replace(`http://127.0.0.1:${port}`, address ?? 'missing'),
    yaml.replace('127.0.0.1:7003', '127.0.0.1:0'),
  );
  const file = join(folder, 'stand-ins.yaml');
  await writeFile(file, config);
  const dataDir = join(folder, 'data');
  const allowRoot = process.getuid?.() === 0 ? ['--allow-root'] : [];
  await started([bin, 'start', '--config', file, '--data-dir', dataDir, ...allowRoot]);
  // As the command finds it in the folder of the hub.
  const address = `unix:${join(dataDir, 'hub.sock')}`;
  const hmsSync = (...words: readonly string[]) => runInProcess(...words, '--address', address);

  const published = await hmsSync(...first);
  expect(published.exitCode).toBe(ExitCode.ok);
  expect(published.stdout().match(/DELIVERED/g)).toHaveLength(3);

  await fetch(`${control}/faults/billing`, { method: 'PUT', body: '{"down":true}' });
  expect((await hmsSync(...second)).exitCode).toBe(ExitCode.notSettled);
  const [waiting] = (await hmsSync('delivery', 'list', '--jsonl')).jsonLines();
  expect(waiting).toMatchObject({ adapter: 'billing', key: 'appointment' });

  await fetch(`${control}/faults/billing`, { method: 'DELETE' });
  expect((await hmsSync('adapter', 'retry', 'billing')).exitCode).toBe(ExitCode.ok);
  const outcomes = (await hmsSync('event', 'watch', String(waiting?.event_id), '--jsonl')).jsonLines();
  expect(outcomes.filter(({ state }) => state === 'DELIVERED')).toHaveLength(3);
  expect((await hmsSync('delivery', 'list')).stdout()).toBe('There are no undelivered events.\n');
});
