import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';

const program = (body: string) => `
import { createLineLog } from ${JSON.stringify(new URL('line-log.ts', import.meta.url).href)};
const log = createLineLog();
${body}`;

function start(body: string, stderr: 'pipe' | number) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program(body)], {
    stdio: ['ignore', 'pipe', stderr],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

it.runIf(process.platform === 'linux')('a log on a full disk ends no adapter', async () => {
  const full = openSync('/dev/full', 'a');
  const child = start("log.info('one'); setTimeout(() => log.info('two'), 50); setTimeout(() => {}, 100);", full);
  closeSync(full);
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it('a log that nobody reads is bounded, and reports how many lines it dropped', async () => {
  const child = start(
    `for (let line = 0; line < 20_000; line += 1) log.info('x'.repeat(1_000));
     process.stdout.write(String(process.stderr.writableLength));
     const timer = setInterval(() => {
       if (process.stderr.writableLength > 0) return;
       clearInterval(timer);
       log.info('last');
     }, 5);`,
    'pipe',
  );
  const [waiting] = await once(child.stdout as Readable, 'data');
  expect(Number(waiting)).toBeGreaterThan(100_000);
  expect(Number(waiting)).toBeLessThan(2_000_000);
  const lines = (await text(child.stderr as Readable))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const last = lines.pop();
  expect(last).toMatchObject({ message: 'last', leftOut: 20_000 - lines.length });
});
