/**
 * Checks that the contracts break no caller and no adapter: buf compares them with the last release, or, before the
 * first one, with main. Says what it compared with, and passes where there is nothing.
 *
 * `node tools/breaking.ts [folder]`; the folder is this workspace when it is not named.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { comparisonBase } from './comparison-base.ts';
import { root } from './root.ts';

const run = promisify(execFile);
const folder = resolve(process.argv[2] ?? root);
const contracts = ['buf.yaml', 'proto'];

const base = await comparisonBase(folder);
if (base.kind === 'nothing') {
  console.log(`Contracts compared with nothing: ${base.why}.`);
} else if ((await run('git', ['ls-tree', base.commit, ...contracts], { cwd: folder })).stdout === '') {
  console.log(`Contracts compared with nothing: ${base.name} has none.`);
} else {
  console.log(`Contracts compared with ${base.name} (${base.commit.slice(0, 12)}).`);
  process.exitCode = await compareWith(base.commit);
}

/** By a copy of the files: buf's own reading of git clones the repository, which a shallow clone may refuse. */
async function compareWith(commit: string): Promise<number> {
  const temporary = await mkdtemp(join(tmpdir(), 'hms-sync-breaking-'));
  try {
    const archive = join(temporary, 'base.tar');
    await run('git', ['archive', `--output=${archive}`, commit, ...contracts], { cwd: folder });
    const buf = spawn('buf', ['breaking', '--against', archive], { cwd: folder, stdio: 'inherit' });
    const [code] = await once(buf, 'exit');
    return code ?? 1;
  } finally {
    await rm(temporary, { recursive: true });
  }
}
