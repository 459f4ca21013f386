import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The code of an adapter that posts to a path. */
export const labCode = (path: string) => `import { defineAdapter, eventAsJson, secret } from '@hms-sync/adapter-sdk';
import { z } from 'zod';

export default defineAdapter({
  config: z.strictObject({ baseUrl: z.url(), token: secret(z.string()).optional() }),
  open: ({ config, http }) => http.pool(config.baseUrl, { token: config.token }),
  push: (event, context) => context.resource.post('${path}', eventAsJson(event), context),
  close: (pool) => pool.close(),
});
`;

/** The package of an adapter whose sources are not built, until the test ends. */
export async function labFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-lab-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const repository = fileURLToPath(new URL('../../..', import.meta.url));
  await mkdir(join(folder, 'node_modules/@hms-sync'), { recursive: true });
  await symlink(join(repository, 'packages/adapter-sdk'), join(folder, 'node_modules/@hms-sync/adapter-sdk'));
  await symlink(join(repository, 'node_modules/zod'), join(folder, 'node_modules/zod'));
  await mkdir(join(folder, 'src'));
  const packageJson = {
    name: '@clinic/adapter-lab',
    version: '1.2.3',
    type: 'module',
    hmsSync: { manifest: 1, id: 'lab', entry: '.', protocols: [1] },
    exports: { '@hms-sync/dev': './src/adapter.ts', default: './dist/adapter.js' },
  };
  const kit = {
    config: { baseUrl: '{{url}}/hms', token: '{{secret}}' },
    events: [
      { type: 'A', data: { id: '{{key}}', name: '{{payload}}' } },
      { type: 'B', data: '{{payload}}', dataContentType: 'text/plain' },
    ],
    answer: { status: 202, body: { receipt: 'r-1' } },
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(packageJson));
  await writeFile(join(folder, 'verify.json'), JSON.stringify(kit));
  await writeFile(join(folder, 'src/adapter.ts'), labCode('/changes'));
  return folder;
}
