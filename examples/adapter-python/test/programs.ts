import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const example = fileURLToPath(new URL('..', import.meta.url));
const hubMain = fileURLToPath(import.meta.resolve('@hms-sync/sync-hub/main'));
const kitCommand = fileURLToPath(new URL('../bin/hms-adapter.js', import.meta.resolve('@hms-sync/adapter-sdk')));

/** A program that said that it is ready, and where. */
export interface Running {
  readonly process: ChildProcess;
  readonly address: string;
}

/** Starts the adapter; it is gone when the test is. */
export function startAdapter(python: string, flags: readonly string[], token?: string): Promise<Running> {
  const env = { ...process.env, LAB_ADAPTER_TOKEN: token ?? '' };
  return running(spawn(python, ['-m', 'lab_adapter', ...flags], { cwd: example, env, stdio }));
}

/** Starts a hub, as an operator does. */
export function startHub(configFile: string): Promise<Running> {
  return running(spawn(process.execPath, [...process.execArgv, hubMain, '--dev', '--config', configFile], { stdio }));
}

/** How a program ended. */
export interface Ended {
  readonly code: number | string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `hms-adapter`, with the example's verify.json. */
export function runKit(flags: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return run(process.execPath, [kitCommand, ...flags], env);
}

/** Runs a program in the example's folder until it ends. */
export function run(command: string, flags: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(command, [...flags], { cwd: example, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? undefined), stdout, stderr });
    });
  });
}

const stdio = ['ignore', 'pipe', 'inherit'] as const satisfies unknown[];

async function running(process: ChildProcess): Promise<Running> {
  onTestFinished(async () => {
    if (process.exitCode !== null || process.signalCode !== null) return;
    process.kill('SIGKILL');
    await once(process, 'exit');
  });
  if (process.stdout === null) throw new TypeError('the program was started without a pipe');
  for await (const line of createInterface({ input: process.stdout })) {
    if (!line.includes('"ready"')) continue;
    process.stdout.resume();
    return { process, address: JSON.parse(line).address };
  }
  throw new Error('the program ended before it was ready');
}
