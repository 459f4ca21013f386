#!/usr/bin/env node
// Published: the built code. In a checkout: the sources, and those of the sibling packages, which Node runs as they are.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../src/command/main.ts', import.meta.url));
const condition = '--conditions=@hms-sync/source';

if (!existsSync(sources)) {
  await import('../dist/command/main.js');
} else if (process.execArgv.includes(condition)) {
  await import(sources);
} else {
  const { status } = spawnSync(process.execPath, [condition, sources, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = status ?? 2;
}
