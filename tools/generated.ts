/** Checks that proto/gen is what buf makes of the contracts now. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './root.ts';

const folder = await mkdtemp(join(tmpdir(), 'hms-sync-generated-'));
try {
  await promisify(execFile)('buf', ['generate', '--output', folder], { cwd: root });
  const committed = await filesIn(join(root, 'proto/gen'));
  const fresh = await filesIn(join(folder, 'proto/gen'));
  const stale = [...new Set([...committed.keys(), ...fresh.keys()])].filter(
    (path) => committed.get(path) !== fresh.get(path),
  );
  for (const path of stale.sort()) console.error(`proto/gen/${path}: ${difference(path)}`);
  if (stale.length > 0) {
    console.error('The generated code does not fit the contracts: run `npm run generate` and commit what it writes.');
    process.exitCode = 1;
  } else {
    console.log(`The generated code is current: ${fresh.size} files.`);
  }

  function difference(path: string): string {
    if (!fresh.has(path)) return 'no contract makes this file';
    return committed.has(path) ? 'differs' : 'is missing';
  }
} finally {
  await rm(folder, { recursive: true });
}

/** Path in the folder to text. */
async function filesIn(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const),
    ),
  );
}
