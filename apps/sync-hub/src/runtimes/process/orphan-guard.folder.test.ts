import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { makeSocketFolder } from './orphan-guard.ts';

afterEach(() => void vi.unstubAllEnvs());

it.each([
  ['in the folder for what is temporary', tmpdir()],
  ['in /tmp when the path of that is too long for a socket', `/var/lib/${'deep/'.repeat(20)}`],
])('a socket has a folder of its own %s, which nobody else may enter', async (_where, home) => {
  vi.stubEnv('TMPDIR', home);
  const { socket, remove } = await makeSocketFolder();
  expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(103);
  expect((await stat(dirname(socket))).mode & 0o777).toBe(0o700);
  await remove();
  await expect(stat(dirname(socket))).rejects.toThrow('ENOENT');
});
