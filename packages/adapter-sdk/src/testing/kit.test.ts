import { expect, it } from 'vitest';
import { adapterFolder } from '../../test/adapter-folder.ts';
import { assertKit, readKit } from './kit.ts';

it.each<[string, unknown]>([
  ['the kit', []],
  ['confg', { confg: {} }],
  ['{{secrt}}', { config: { token: '{{secrt}}' } }],
  ['badConfigs', { badConfigs: {} }],
  ['badConfigs.1', { badConfigs: [{ path: 'a', config: {} }, { config: {} }] }],
  ['events', { events: [] }],
  ['events.0.type', { events: [{ data: '{{payload}}' }] }],
  ['events.0.data', { events: [{ type: 'A', data: { a: 1 } }] }],
  ['answer.status', { answer: {} }],
  ['idempotency', { idempotency: 'x-key' }],
])('a kit that is wrong at %s is rejected with that', (path, kit) => {
  expect(() => assertKit(kit, 'verify.json')).toThrow(`verify.json: ${path} `);
});

it('a file that is not JSON is rejected with its name', async () => {
  const folder = await adapterFolder({ 'verify.json': '{' });
  await expect(readKit(`${folder}/verify.json`)).rejects.toThrow(/verify\.json: .*write \{"config"/);
});
