/**
 * `npm run fuzz`: every test that draws its cases at random, with a seed that `npm test` does not use. `-- --seed 7` draws
 * the same cases again. What it finds becomes a fixed case of that test.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { root } from './root.ts';

const { values } = parseArgs({ options: { seed: { type: 'string', default: String(randomInt(2 ** 31)) } } });
console.log(`seed ${values.seed}: npm run fuzz -- --seed ${values.seed} draws the same cases again`);
const files = execFileSync('git', ['grep', '-lE', "from 'fast-check'|HMS_SYNC_SEED", '--', '*/src/*.ts'], {
  cwd: root,
  encoding: 'utf8',
});
const { status } = spawnSync('vitest', ['related', '--run', ...files.trim().split('\n')], {
  cwd: root,
  env: { ...process.env, HMS_SYNC_SEED: values.seed },
  stdio: ['ignore', 'inherit', 'inherit'],
});
process.exitCode = status ?? 1;
