import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/** The workspace's root, absolute. */
export const root = join(import.meta.dirname, '..');

export interface Project {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
}

const bin = createRequire(import.meta.url).resolve('nx/bin/nx');

/** Runs nx on this process's own screen. Resolves to its exit code. */
export function nx(args: readonly string[]): Promise<number> {
  return run(args, 'inherit');
}

/** The projects in which `nx run-many` with these arguments would run something, without running it. */
export async function projectsOf(args: readonly string[]): Promise<Project[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-nx-'));
  try {
    const file = join(folder, 'graph.json');
    const exitCode = await run([...args, `--graph=${file}`], 'ignore');
    if (exitCode !== 0) throw new Error(`nx ${args.join(' ')} --graph ended with ${exitCode}`);
    const { tasks } = Graph.parse(JSON.parse(await readFile(file, 'utf8'))).tasks;
    return Object.values(tasks).map(({ target, projectRoot }) => ({
      name: target.project,
      folder: join(root, projectRoot),
    }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The part of nx's task graph that says where tasks run. */
const Graph = z.object({
  tasks: z.object({
    tasks: z.record(z.string(), z.object({ target: z.object({ project: z.string() }), projectRoot: z.string() })),
  }),
});

async function run(args: readonly string[], stdout: 'inherit' | 'ignore'): Promise<number> {
  const child = spawn(process.execPath, [bin, ...args], { cwd: root, stdio: ['ignore', stdout, 'inherit'] });
  const [code] = await once(child, 'exit');
  // Ended by a signal: no code.
  return code ?? 1;
}
