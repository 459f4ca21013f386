import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** A process that keeps so much and does nothing; it prints whether its whole heap was collected after its first second. */
const program = (keptMegabytes: number, withinMs: number) => `
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { keepMemory } from ${JSON.stringify(new URL('./memory-keeper.ts', import.meta.url).href)};
globalThis.kept = [];
while (process.memoryUsage().heapUsed < ${keptMegabytes}e6)
  for (let index = 0; index < 1e4; index += 1) kept.push({ index, text: 'kept' + index });
let collected = false;
const beganAtMs = performance.now();
new PerformanceObserver((list) => {
  for (const { detail, startTime } of list.getEntries())
    collected ||= detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR && startTime > beganAtMs + 1_000;
  if (collected) end();
}).observe({ entryTypes: ['gc'] });
keepMemory();
const timer = setTimeout(end, ${withinMs});
function end() {
  clearTimeout(timer);
  process.stdout.write(String(collected));
}
`;

it.concurrent.each([
  ['gives back what a process at rest does not need', 0, 'true', 50_000],
  ['leaves a large heap alone: collecting it would stop the adapter for seconds', 300, 'false', 4_000],
])('%s', async (_what, keptMegabytes, collected, withinMs) => {
  const args = ['--input-type=module', '--eval', program(keptMegabytes, withinMs)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { encoding: 'utf8' });
  expect(stdout).toBe(collected);
});

it.concurrent('continues when no more files can be opened, although Node opens one to read the memory', async () => {
  const program = `
import { openSync } from 'node:fs';
import { keepMemory } from ${JSON.stringify(new URL('./memory-keeper.ts', import.meta.url).href)};
keepMemory();
setTimeout(() => process.stdout.write('alive'), 5_000);
// Loaded now, because later no file can be.
process.memoryUsage();
try { for (;;) openSync('/dev/null'); } catch (error) { process.stdout.write(error.code + ' '); }
`;
  const args = ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, '--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)('/bin/sh', args, { encoding: 'utf8' });
  expect(stdout).toBe('EMFILE alive');
});
