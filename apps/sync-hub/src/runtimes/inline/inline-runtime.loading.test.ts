import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type PackageContent, useAdapterPackages } from '../adapter-packages.fixture.ts';
import { readManifest } from '../manifest.ts';
import { loadDefinition } from './inline-runtime.ts';

/** An adapter that accepts this type of event alone, so that a test sees which file was loaded. */
const adapter = (type: string) =>
  `import { defineAdapter } from '@hms-sync/adapter-sdk';
export default defineAdapter({ accepts: ['${type}'], push: () => {} });`;

async function load(content: PackageContent, entry = '.') {
  const packages = await useAdapterPackages();
  const folder = await packages.add('adapter-lab', content);
  return loadDefinition({ ...(await readManifest('adapter-lab', packages.folder)), folder, entry });
}

describe('the entry', () => {
  it('is the package export that the manifest names', async () => {
    const files = { 'a.js': adapter('a'), 'b.js': adapter('b') };
    const packageJson = { exports: { '.': './a.js', './adapter': { types: './b.d.ts', default: './b.js' } } };
    expect((await load({ packageJson, files })).accepts).toEqual(['a']);
    expect((await load({ packageJson, files }, './adapter')).accepts).toEqual(['b']);
  });

  it('is read from its sources when the package is one of a checkout, and never when it is installed', async () => {
    // Tests run with --conditions=@hms-sync/source, as the hub in a checkout does.
    const files = { 'source.js': adapter('source'), 'dist.js': adapter('dist') };
    const packageJson = { exports: { '.': { '@hms-sync/source': './source.js', default: './dist.js' } } };
    expect((await load({ packageJson, files })).accepts).toEqual(['dist']);
    const packages = await useAdapterPackages();
    const checkout = await packages.add('../checkout', { packageJson: { ...packageJson, name: 'adapter-lab' }, files });
    await symlink(checkout, join(packages.folder, 'node_modules', 'adapter-lab'));
    const linked = await loadDefinition(await readManifest('adapter-lab', packages.folder));
    expect(linked.accepts).toEqual(['source']);
  });

  it('is read as import and node, never as require or browser', async () => {
    const files = { 'yes.js': adapter('yes') };
    const exports = { browser: './no.js', require: './no.cjs', node: { import: './yes.js' }, default: './no.js' };
    expect((await load({ packageJson: { exports }, files })).accepts).toEqual(['yes']);
  });

  it('is main, or index.js, in a package without exports', async () => {
    const files = { 'main.js': adapter('main'), 'index.js': adapter('index') };
    expect((await load({ packageJson: { exports: undefined, main: './main.js' }, files })).accepts).toEqual(['main']);
    expect((await load({ packageJson: { exports: undefined }, files })).accepts).toEqual(['index']);
  });

  it('is a file in a package without exports when the manifest names one', async () => {
    const files = { 'main.js': adapter('main'), 'dist/adapter.js': adapter('file') };
    const packageJson = { exports: undefined, main: './main.js' };
    expect((await load({ packageJson, files }, './dist/adapter.js')).accepts).toEqual(['file']);
  });

  it('that the package does not export is refused with its name', async () => {
    await expect(load({ files: { 'index.js': adapter('a') } }, './adapter')).rejects.toThrow(
      /"\.\/adapter".*"adapter-lab"/,
    );
  });

  it.each([
    ['no default export', 'export const adapter = {};'],
    ['a default export of another make', 'export default { push() {} };'],
    ['null', 'export default null;'],
  ])('that has %s is refused with its file', async (_what, text) => {
    await expect(load({ files: { 'index.js': text } })).rejects.toThrow(
      /^the default export of adapter-lab \(\.\/index\.js\) is not made by defineAdapter$/,
    );
  });
});
