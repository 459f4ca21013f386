import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { Outcome } from '../../core/outcome.ts';
import { adapter } from '../suite/lab-adapter.fixture.ts';
import { startHostile } from './hostile-adapter.fixture.ts';

const receiptOf = (outcome: unknown) => JSON.parse((outcome as Outcome & { kind: 'delivered' }).receipt);

it('an adapter lives through SIGUSR1 and opens no debugger, whatever NODE_OPTIONS the hub has', async () => {
  vi.stubEnv('NODE_OPTIONS', '--inspect=127.0.0.1:0');
  const { deliver } = await startHostile(
    adapter(
      "push: async () => { await new Promise((done) => setTimeout(done, 50)); return JSON.stringify({ pid: process.pid, url: url() ?? '', options: process.env.NODE_OPTIONS ?? '' }); }",
      "import { url } from 'node:inspector';",
    ),
  );
  vi.unstubAllEnvs();
  const before = receiptOf(await deliver());
  process.kill(before.pid, 'SIGUSR1');
  expect(receiptOf(await deliver())).toEqual({ pid: before.pid, url: '', options: '' });
});

it.runIf(process.platform === 'linux')(
  'nobody else finds the socket of an adapter that runs, nor its secret',
  async () => {
    const { deliver } = await startHostile(adapter('push: () => JSON.stringify(process.pid)'));
    const pid = receiptOf(await deliver());
    const about = async (name: string) => (await readFile(`/proc/${pid}/${name}`, 'utf8')).split('\0');
    const args = await about('cmdline');
    const socket = args[args.indexOf('--socket') + 1] as string;
    expect(existsSync(dirname(socket))).toBe(true);
    expect(existsSync(socket)).toBe(false);
    // 256 bits in base64url.
    expect([...args, ...(await about('environ'))].filter((text) => /^[\w-]{43}$/.test(text))).toEqual([]);
  },
);
