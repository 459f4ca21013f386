import { expect, it } from 'vitest';
import { apiReport } from './api-report.ts';

const header = `# What adapters can import

Every exported name, with its type. A change here is a change of the public API: accept it with
\`npx vitest run test/api-report.test.ts -u\` in packages/adapter-sdk, and describe it in a changeset.

`;

it('exports exactly what etc/adapter-sdk.api.md lists', async () => {
  const report = await apiReport({
    '.': 'index.ts',
    './webhook': 'webhook.ts',
    './host': 'host/host.ts',
    './serve': 'serve/serve.ts',
    './stand-in': 'testing/stand-in.ts',
    './testing': 'testing/testing.ts',
  });
  await expect(`${header}${report}`).toMatchFileSnapshot('../etc/adapter-sdk.api.md');
});
