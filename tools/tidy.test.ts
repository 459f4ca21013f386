import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { root } from './root.ts';

/** Names that say nothing about what is inside, so that everything ends up in them. */
const attics = new Set(['common', 'helper', 'helpers', 'interfaces', 'lib', 'misc', 'types', 'util', 'utils']);

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root })
  .toString()
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)));
const isGenerated = (path: string) => path.startsWith('proto/gen/');
const sources = files.filter((path) => /\.(ts|js|mjs|cjs|proto)$/.test(path) && !isGenerated(path));

const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** `path:line: text` for each line that matches. This file, which names what it looks for, is left out. */
function linesWith(pattern: RegExp, paths: readonly string[]): string[] {
  return paths
    .filter((path) => path !== 'tools/tidy.test.ts')
    .flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 100)}`] : [])),
    );
}

describe('a file', () => {
  test('has a name that reports what is inside, and so has its folder', () => {
    const names = (path: string) => [...path.split('/').slice(0, -1), basename(path).replace(/\..*$/, '')];
    expect(sources.filter((path) => names(path).some((name) => attics.has(name)))).toEqual([]);
  });

  test('postpones nothing', () => {
    expect(linesWith(/\b(TODO|FIXME|XXX)\b/, sources)).toEqual([]);
  });

  test('runs all of its tests', () => {
    const tests = sources.filter((path) => /\.(test|suite|fixture|bench)\.ts$|\/cases?\//.test(path));
    expect(
      linesWith(/\b(describe|it|test|suite|bench)(\.\w+)*\.(only|skip|todo)\b|\b(xit|xtest|fit)\(/, tests),
    ).toEqual([]);
  });

  test('names no path outside the repository', () => {
    const texts = files.filter((path) => !isGenerated(path) && path !== 'package-lock.json');
    expect(linesWith(/\/work\/|\.\.\/shared\/|\.\.\/shared\b(?!\.)/, texts)).toEqual([]);
  });
});

describe('core', () => {
  test('takes its random numbers as an input', () => {
    const core = sources.filter((path) => path.startsWith('apps/sync-hub/src/core/') && !path.endsWith('.test.ts'));
    expect(linesWith(/Math\.random/, core)).toEqual([]);
  });
});

describe('dependencies', () => {
  const Manifest = z.object({
    name: z.string(),
    version: z.string().optional(),
    dependencies: z.record(z.string(), z.string()).default({}),
    devDependencies: z.record(z.string(), z.string()).default({}),
  });
  const manifests = files
    .filter((path) => basename(path) === 'package.json' && 'name' in JSON.parse(read(path)))
    .map((path) => ({ path, ...Manifest.parse(JSON.parse(read(path))) }));
  const wanted = manifests.flatMap(({ path, dependencies, devDependencies }) =>
    Object.entries({ ...dependencies, ...devDependencies }).map(([name, version]) => ({ path, name, version })),
  );

  test('are exact versions', () => {
    expect(wanted.filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  test('on packages of the workspace name the version that is here', () => {
    const here = new Map(manifests.map(({ name, version }) => [name, version]));
    const internal = wanted.filter(({ name }) => name.startsWith('@hms-sync/'));
    expect(internal.filter(({ name, version }) => here.get(name) !== version)).toEqual([]);
  });

  test('are of one version in the whole workspace', () => {
    // tools/ has the TypeScript that dependency-cruiser can use (with-typescript-6.ts).
    const shared = wanted.filter(({ path, name }) => !(path === 'tools/package.json' && name === 'typescript'));
    const versions = Map.groupBy(shared, ({ name }) => name);
    const split = [...versions].filter(([, uses]) => new Set(uses.map(({ version }) => version)).size > 1);
    expect(split.map(([name, uses]) => [name, uses.map(({ path, version }) => `${path}: ${version}`)])).toEqual([]);
  });

  test('come from whichever registry the machine uses', () => {
    expect(linesWith(/"resolved": "(?!\.{0,2}[\w/-]+")/, ['package-lock.json'])).toEqual([]);
    expect(linesWith(/registry\s*=|^\s*\/\/|_auth/i, ['.npmrc'])).toEqual([]);
  });

  test('are locked for every platform, not only for the one that wrote the lock file', () => {
    const Lock = z.object({
      packages: z.record(z.string(), z.object({ optionalDependencies: z.record(z.string(), z.string()).optional() })),
    });
    const { packages } = Lock.parse(JSON.parse(read('package-lock.json')));
    const locked = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
    const optional = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    expect(optional.filter((name) => !locked.has(name))).toEqual([]);
  });
});
