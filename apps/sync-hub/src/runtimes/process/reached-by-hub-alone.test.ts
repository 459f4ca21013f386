import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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

/** An SDK that writes down how it was launched, says the secret aloud, and ends. */
const launchWriter = `import { appendFileSync, readFileSync, readSync } from 'node:fs';
const secret = Buffer.alloc(43);
readSync(4, secret, 0, 43, null);
const elsewhere = JSON.stringify([process.argv, process.env]);
const isElsewhere = elsewhere.includes(secret.toString());
appendFileSync(import.meta.dirname + '/launches', JSON.stringify({ secret: secret.toString(), isElsewhere }) + '\\n');
process.stdout.write('launched with ' + secret + '\\n', () => process.exit(1));`;

it('each launch has a secret of its own, which its pipe alone carries and no log keeps', async () => {
  const folder = 'node_modules/@hms-sync/adapter-sdk';
  const hostile = await startHostile(adapter("push: () => ''"), {
    files: {
      [`${folder}/package.json`]: JSON.stringify({
        name: '@hms-sync/adapter-sdk',
        type: 'module',
        exports: { './process': './process.js' },
      }),
      [`${folder}/process.js`]: launchWriter,
    },
  });
  expect(hostile.start).toMatchObject({ kind: 'failed', reason: expect.stringContaining('exited with code 1') });
  const launches = await vi.waitFor(async () => {
    const lines = (await readFile(join(hostile.folder, folder, 'launches'), 'utf8')).trim().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    return lines.map((line) => JSON.parse(line));
  }, 10_000);
  const secrets = launches.map(({ secret }) => secret);
  expect(launches).toEqual(secrets.map((secret) => ({ secret, isElsewhere: false })));
  // 256 bits in base64url.
  for (const secret of secrets) expect(secret).toMatch(/^[\w-]{43}$/);
  expect(new Set(secrets).size).toBe(secrets.length);
  const logged = JSON.stringify(hostile.records);
  expect(logged).toContain('launched with ');
  for (const secret of secrets) expect(logged).not.toContain(secret);
});
