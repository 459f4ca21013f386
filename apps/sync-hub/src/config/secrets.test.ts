import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSecret } from './secrets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-sync-secrets-'));
});
afterAll(() => rm(folder, { recursive: true }));

const env = { LAB_TOKEN: 'from the environment', EMPTY: '' };
const read = (name: string) => readSecret(name, { folder, env });

describe('a secret', () => {
  it('is read from the environment when there is no folder, or no file of its name', () => {
    expect(readSecret('LAB_TOKEN', { folder: undefined, env })).toBe('from the environment');
    expect(read('LAB_TOKEN')).toBe('from the environment');
  });

  it('is read from its file first, without the newline at the end, each time it is asked for', async () => {
    await writeFile(join(folder, 'ROTATED'), 'first\n');
    expect(read('ROTATED')).toBe('first');
    await writeFile(join(folder, 'ROTATED'), 'second\r\n');
    expect(read('ROTATED')).toBe('second');
  });

  it('may be a link, as Kubernetes mounts it', async () => {
    await writeFile(join(folder, '..data'), 'linked');
    await symlink('..data', join(folder, 'LINKED'));
    expect(read('LINKED')).toBe('linked');
  });

  it.each([
    ['is set to nothing', 'EMPTY', () => undefined],
    ['is an empty file', 'BLANK', () => writeFile(join(folder, 'BLANK'), '\n')],
    ['is a folder', 'DIRECTORY', () => execFileSync('mkdir', [join(folder, 'DIRECTORY')])],
    ['is a pipe that nobody writes to', 'PIPE', () => execFileSync('mkfifo', [join(folder, 'PIPE')])],
    ['is larger than a secret', 'LARGE', () => writeFile(join(folder, 'LARGE'), 'x'.repeat(65_537))],
    ['is a member of every object', 'constructor', () => undefined],
  ])('that %s is none', async (_what, name, prepare) => {
    await prepare();
    expect(read(name)).toBeUndefined();
  });

  it('that is not UTF-8 is an error, and not looked for elsewhere', async () => {
    await writeFile(join(folder, 'LAB_TOKEN'), Buffer.from('Jos\u00e9', 'latin1'));
    expect(() => read('LAB_TOKEN')).toThrow('is not UTF-8 at byte offset 3');
    await rm(join(folder, 'LAB_TOKEN'));
    // What Node makes of such bytes in the environment.
    expect(() => readSecret('OTHER', { folder: undefined, env: { OTHER: 'Jos\ufffd' } })).toThrow('is not UTF-8');
  });
});
