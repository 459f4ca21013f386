import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { useConfigPlace } from './config-place.fixture.ts';

const place = useConfigPlace();

/** Blocks of the pages that are a whole hms-sync.yaml, or an entry of it. */
const blocks = ['security', 'operate', 'get-started', 'write-an-adapter'].flatMap((page) => {
  const text = readFileSync(new URL(`../../../../docs/${page}.md`, import.meta.url), 'utf8');
  return [...text.matchAll(/^( *)```yaml\n(.*?)^ *```$/gms)]
    .map(([, indent = '', block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
    .filter((block) => /^(?:#.*\n)*(?:listen|tls|auth|adapters):/.test(block))
    .map((block) => [page, block] as const);
});

it('finds the files of the pages', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(6);
});

it.each(blocks)('docs/%s.md shows a configuration that a hub accepts', async (_page, block) => {
  await expect(place.load(block)).resolves.toHaveProperty('written');
});
