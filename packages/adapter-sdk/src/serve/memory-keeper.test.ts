import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** A process that keeps so much and does nothing; it prints whether its whole heap was collected between 1 and 4 s. */
const program = (keptMegabytes: number) => `
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
}).observe({ entryTypes: ['gc'] });
keepMemory();
setTimeout(() => process.stdout.write(String(collected)), 4_000);
`;

it.concurrent.each([
  ['gives back what a process at rest does not need', 0, 'true'],
  ['leaves a large heap alone: collecting it would stop the adapter for seconds', 300, 'false'],
])('%s', async (_what, keptMegabytes, collected) => {
  const args = ['--input-type=module', '--eval', program(keptMegabytes)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { encoding: 'utf8' });
  expect(stdout).toBe(collected);
});
