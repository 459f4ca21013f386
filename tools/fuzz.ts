/**
 * `npm run fuzz`: every test that draws its cases at random, with a seed that `npm test` does not use. `-- --seed 7` draws
 * the same cases again. What it finds becomes a fixed case of that test.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { glob, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectsOf } from './nx.ts';
import { summarizeTests } from './summarize-tests.ts';

const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs');
const { values } = parseArgs({ options: { seed: { type: 'string', default: String(randomInt(2 ** 31)) } } });
console.log(`seed ${values.seed}: npm run fuzz -- --seed ${values.seed} draws the same cases again`);

const failures: string[] = [];
for (const project of await projectsOf(['run-many', '--target=test'])) {
  const tests = await randomTests(project.folder);
  if (tests.length === 0) continue;
  console.log(`\n${project.name}`);
  const holds = await run(project.folder, tests);
  const summary = await summarizeTests([project]);
  failures.push(...summary.failures);
  if (!holds && summary.failures.length === 0) failures.push(`${project.name}: see above`);
}
if (failures.length > 0)
  console.log(`\nFailed:\n${failures.map((line) => `  ${line}, seed ${values.seed}`).join('\n')}\n`);
else console.log('\nevery property holds');
process.exitCode = failures.length === 0 ? 0 : 1;

/** The tests of a project that use fast-check themselves. */
async function randomTests(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const file of glob('**/*.test.ts', { cwd: folder, exclude: ['**/node_modules', '**/dist', 'template'] })) {
    if ((await readFile(join(folder, file), 'utf8')).includes("from 'fast-check'")) found.push(file);
  }
  return found;
}

/** Whether they all passed. */
async function run(folder: string, tests: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, [vitest, 'run', ...tests], {
    cwd: folder,
    env: { ...process.env, HMS_SYNC_SEED: values.seed },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  return code === 0;
}
