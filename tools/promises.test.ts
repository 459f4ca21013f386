import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { root } from './root.ts';

const page = await readFile(`${root}/docs/promises.md`, 'utf8');

const proofs = [...page.matchAll(/\[([^\]]+)\]\(\.\.\/([^)#]+)\)/g)].map(([, title = '', path = '']) => [title, path]);
const scripts = [...page.matchAll(/`npm run ([a-z:]+)/g)].map(([, script = '']) => script);

test.each(proofs)('docs/promises.md names a test that exists: %s', async (title, path) => {
  const text = await readFile(`${root}/${path}`, 'utf8');
  if (title !== 'random histories') expect(text).toContain(title);
});

test('docs/promises.md names commands that exist', async () => {
  const known = Object.keys(JSON.parse(await readFile(`${root}/package.json`, 'utf8')).scripts);
  expect(scripts.length).toBeGreaterThan(0);
  expect(known).toEqual(expect.arrayContaining(scripts));
});

test('docs/promises.md numbers its promises without a gap', () => {
  const numbers = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
});
