import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const execEcho = fileURLToPath(import.meta.resolve('../test/exec-echo.ts'));

function start(...args: string[]): { child: ChildProcess; nextLine: () => Promise<Record<string, unknown>> } {
  const child = spawn(process.execPath, [execEcho, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, nextLine: async () => JSON.parse((await lines.next()).value ?? '') };
}

describe.each(['in place', 'child'])('execNode (%s)', (way) => {
  test('passes its arguments unchanged', async () => {
    const { child, nextLine } = start(way, '--help', '--listen', 'a b', '--', '');
    expect(await nextLine()).toMatchObject({ args: ['--help', '--listen', 'a b', '--', ''] });
    child.kill('SIGTERM');
    await once(child, 'exit');
  });

  test('ends with its exit code', async () => {
    const { child } = start(way, 'exit', '4');
    expect(await once(child, 'exit')).toEqual([4, null]);
  });

  test('a signal reaches it', async () => {
    const { child, nextLine } = start(way);
    await nextLine();
    child.kill('SIGTERM');
    expect(await nextLine()).toEqual({ signal: 'SIGTERM' });
    expect(await once(child, 'exit')).toEqual([7, null]);
  });
});

describe('execNode in place', () => {
  test('keeps the process id, so that kill -9 reaches it', async () => {
    const { child, nextLine } = start('in place');
    expect(await nextLine()).toMatchObject({ pid: child.pid });
    child.kill('SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });
});

describe('execNode as a child', () => {
  test('ends by the signal that ended the child', async () => {
    const { child, nextLine } = start('child');
    const { pid } = await nextLine();
    process.kill(Number(pid), 'SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });
});
