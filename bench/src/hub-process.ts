import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A real hub with adapters that do nothing, in a process of its own, on a journal of its own. */
export interface HubProcess {
  readonly address: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const NOOP_PACKAGE = '@hms-sync/bench-adapter-noop';

export async function startHub(options: { readonly adapters: readonly string[] }): Promise<HubProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-bench-'));
  try {
    return await startIn(folder, options.adapters);
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
}

async function startIn(folder: string, adapterIds: readonly string[]): Promise<HubProcess> {
  const scope = join(folder, 'node_modules', '@hms-sync');
  await mkdir(scope, { recursive: true });
  await symlink(fileURLToPath(new URL('../adapter-noop', import.meta.url)), join(scope, 'bench-adapter-noop'));
  const adapters = adapterIds.map((id) => ({ package: NOOP_PACKAGE, id }));
  const file = join(folder, 'hms-sync.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ listen: '127.0.0.1:0', logLevel: 'warn', adapters }));
  const main = fileURLToPath(import.meta.resolve('@hms-sync/sync-hub/main'));
  const child = spawn(process.execPath, [...process.execArgv, main, '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  if (child.stdout === null) throw new Error('the hub has no stdout to read its address from');
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the hub ended with ${code} before it was ready`);
    }),
  ]);
  const { address, pid } = JSON.parse(line) as { address: string; pid: number };
  return {
    address,
    pid,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error('the hub ended before it was stopped');
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true });
    },
  };
}
