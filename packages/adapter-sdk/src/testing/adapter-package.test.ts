import { expect, it } from 'vitest';
import { entryFile } from './adapter-package.ts';

const fileOf = (packageJson: Readonly<Record<string, unknown>>, entry?: string) =>
  entryFile({ folder: '', packageJson, manifest: entry === undefined ? {} : { entry } });

it.each<[string, Readonly<Record<string, unknown>>, string | undefined, string]>([
  ['index.js without exports and main', {}, undefined, './index.js'],
  ['main without exports', { main: './main.js' }, '.', './main.js'],
  ['the file that it names without exports', { main: './main.js' }, './dist/a.js', './dist/a.js'],
  ['exports as a text', { exports: './a.js' }, '.', './a.js'],
  ['exports as conditions', { exports: { types: './a.d.ts', require: './a.cjs', import: './a.js' } }, '.', './a.js'],
  ['nested conditions', { exports: { '.': { browser: './b.js', node: { import: './a.js' } } } }, '.', './a.js'],
  ['the first that fits', { exports: { '.': [{ browser: './b.js' }, { default: './a.js' }] } }, '.', './a.js'],
  ['a subpath', { exports: { '.': './b.js', './adapter': { default: './a.js' } } }, './adapter', './a.js'],
  // Tests run with this condition, as everything in a checkout does.
  ['the conditions of this process', { exports: { '@hms-sync/source': './a.ts', default: './a.js' } }, '.', './a.ts'],
])('is %s', (_what, packageJson, entry, file) => {
  expect(fileOf(packageJson, entry)).toBe(file);
});

it('that is not exported is rejected by name', () => {
  expect(() => fileOf({ exports: { '.': './a.js' } }, './adapter')).toThrow('has no export ./adapter');
});
