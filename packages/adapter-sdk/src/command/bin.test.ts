import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const bin = fileURLToPath(new URL('../../bin/hms-adapter.js', import.meta.url));
const pretendVersion = fileURLToPath(new URL('../../test/pretend-node-version.cjs', import.meta.url));

function helpOnNode(version: string) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '', PRETEND_NODE_VERSION: version };
    const child = execFile(process.execPath, ['-r', pretendVersion, bin, 'help'], { env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

describe('hms-adapter', () => {
  it.each(['12.22.12', '20.20.2', '24.14.9'])('on Node %s prints the required version in one line', async (version) => {
    const { code, stdout, stderr } = await helpOnNode(version);
    expect(stderr).toMatch(/^hms-adapter: Node [\d.]+ is too old, 24\.15\.0 or newer is needed: [^\n]+\n$/);
    expect(stderr).toContain(version);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it.each(['24.15.0', '26.0.0'])('runs on Node %s', async (version) => {
    expect(await helpOnNode(version)).toMatchObject({
      ...{ code: 0, stderr: '' },
      stdout: expect.stringContaining('hms-adapter verify'),
    });
  });

  it('begins in a file that Node 12 can parse', async () => {
    // What came after Node 12, and what an ES module needs: each of them is a SyntaxError before the first line runs.
    expect(await readFile(bin, 'utf8')).not.toMatch(
      /\?\.|\?\?|^import |^export |import\.meta|^await |\|\|=|&&=|\d_\d|#\w+ *[=(;]/m,
    );
  });
});
