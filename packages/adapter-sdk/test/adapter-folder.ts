import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** What an author's package may import. */
const links = { '@hms-sync/adapter-sdk': 'packages/adapter-sdk', zod: 'node_modules/zod' };

/** An author's package on disk, until the test ends: package.json as it should be but for changes, and these files. */
export async function adapterFolder(
  files: Readonly<Record<string, string>>,
  packageJson: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-adapter-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, target] of Object.entries(links)) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(repository, target), link);
  }
  const complete = {
    name: '@clinic/adapter-lab',
    version: '1.0.0',
    type: 'module',
    keywords: ['hms-sync-adapter'],
    exports: './adapter.js',
    hmsSync: { manifest: 1, id: 'lab', entry: '.', protocols: [1] },
    ...packageJson,
  };
  for (const [path, text] of Object.entries({ 'package.json': JSON.stringify(complete), ...files })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

/** An adapter as its author writes it, in JavaScript. */
export const labAdapter = `import { defineAdapter, eventAsJson, secret } from '@hms-sync/adapter-sdk';
import { z } from 'zod';

export default defineAdapter({
  config: z.strictObject({ baseUrl: z.url(), token: secret(z.string().min(8)) }),
  open: ({ config, http }) => http.pool(config.baseUrl, { token: config.token }),
  check: (pool, context) => pool.check(context),
  push: (event, context) => context.resource.post('/changes', eventAsJson(event), context),
  close: (pool) => pool.close(),
});
`;

/** Its kit. */
export const labKit = '{ "config": { "baseUrl": "{{url}}", "token": "{{secret}}" } }';
