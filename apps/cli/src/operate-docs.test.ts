import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished, test } from 'vitest';
import { captureTerminal } from '../test/captured-terminal.ts';
import { run } from './program.ts';
import { sandboxProgram } from './programs.ts';

const page = await readFile(new URL('../../../docs/operate.md', import.meta.url), 'utf8');
const bin = fileURLToPath(new URL('../bin/hms-sync.js', import.meta.url));

/** Starts a program, and gives the JSON that it says when it is ready. It ends with the test. */
async function started(args: readonly string[]): Promise<{ address: string; systems: Record<string, string> }> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit');
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return JSON.parse(line);
}

test('the stand-ins, the configuration and the event of docs/operate.md make a hub that delivers', async ({
  expect,
}) => {
  const section = page.split('### Try a hub against stand-ins')[1]?.split('\n## ')[0] ?? '';
  const yaml = /^```yaml\n(.*?)^```$/ms.exec(section)?.[1] ?? '';
  const published = /^npx hms-sync event publish (.*)$/m.exec(section)?.[1] ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-docs-'));
  onTestFinished(() => rm(folder, { recursive: true }));

  const { systems } = await started(['--conditions=@hms-sync/source', fileURLToPath(sandboxProgram())]);
  const ports = { '7101': systems.scheduling, '7102': systems.records, '7103': systems.billing };
  const config = Object.entries(ports).reduce(
    (text, [port, address]) => text.replace(`http://127.0.0.1:${port}`, address ?? 'missing'),
    yaml.replace('127.0.0.1:7003', '127.0.0.1:0'),
  );
  const file = join(folder, 'stand-ins.yaml');
  await writeFile(file, config);
  const { address } = await started([bin, 'start', '--config', file, '--data-dir', join(folder, 'data')]);

  const words = [...published.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const terminal = captureTerminal();
  expect(await run(['event', 'publish', ...words, '--address', address], terminal)).toBe(0);
  expect(terminal.stdout().match(/DELIVERED/g)).toHaveLength(3);
});
