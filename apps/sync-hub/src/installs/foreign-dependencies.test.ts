import { describe, expect, it } from 'vitest';
import { assertLockOfRegistry, assertOfRegistry, type Lockfile } from './foreign-dependencies.ts';

const GIT = 'git+https://dana:hunter2@git.example/third.git';

const LOCAL = { names: ['@clinic/sdk'], isLocal: (file: string) => ['adapter.tgz', 'sdk.tgz'].includes(file) };

/** What the registry has no part in, and what it is called. */
const FOREIGN = [
  [GIT, 'git'],
  ['git+ssh://git@git.example/third.git', 'git'],
  ['clinic/third', 'git'],
  ['github:clinic/third#semver:^1', 'git'],
  ['https://files.example/third.tgz', 'an address'],
  ['http://127.0.0.1:7003/third.tgz', 'an address'],
  ['file:../third', 'a file'],
  ['/srv/third.tgz', 'a file'],
  ['./third', 'a file'],
  ['link:../third', 'what npm does not know'],
  ['workspace:*', 'what npm does not know'],
  ['npm:clinic/third', 'what npm does not know'],
] as const;

describe('what a package depends on', () => {
  it.each(['^1.0.0', '1.0.0', '', '*', 'latest', '>=1 <3', 'npm:other@^2', 'npm:@clinic/other'])(
    'may be of the registry: "%s"',
    (range) => {
      expect(() => assertOfRegistry('the package', { dependencies: { third: range } }, [])).not.toThrow();
      const packages = {
        '': { dependencies: { lab: 'file:adapter.tgz' } },
        'node_modules/lab': { dependencies: { third: range } },
      };
      expect(() => assertLockOfRegistry({ packages }, LOCAL)).not.toThrow();
    },
  );

  it.each(FOREIGN)('may not be by anything else: %s', (spec, what) => {
    for (const field of ['dependencies', 'optionalDependencies', 'peerDependencies']) {
      const checking = () => assertOfRegistry('the package', { [field]: { second: '^1.0.0', third: spec } }, []);
      expect(checking).toThrow(
        `the package depends on third by ${what}, and dependencies come from the npm registry alone: publish it there`,
      );
    }
  });

  it('may be a file only where this machine has the package', () => {
    expect(() =>
      assertOfRegistry('the package', { dependencies: { third: 'file:../third' } }, ['third']),
    ).not.toThrow();
    expect(() => assertOfRegistry('the package', { dependencies: { third: GIT } }, ['third'])).toThrow('third by git');
  });
});

describe('what npm installed', () => {
  const check = (packages: Lockfile['packages'] & object) => () => assertLockOfRegistry({ packages }, LOCAL);
  const lab = { resolved: 'file:adapter.tgz', dependencies: { second: '^1.0.0' } };
  const second = { resolved: 'https://registry.example/second/-/second-1.0.0.tgz' };

  it('may be the package itself, what the registry has, what was bundled, and what the hub has put there', () => {
    const bundled = { dependencies: {} };
    const sdk = { resolved: 'file:sdk.tgz' };
    expect(
      check({
        'node_modules/lab': { ...lab, dependencies: { '@clinic/sdk': 'file:../sdk' } },
        'node_modules/@clinic/sdk': sdk,
      }),
    ).not.toThrow();
    expect(
      check({ 'node_modules/lab': lab, 'node_modules/second': second, 'node_modules/third': bundled }),
    ).not.toThrow();
  });

  it.each(FOREIGN)('depends on nothing else further down: %s', (spec, what) => {
    const deep = { ...second, optionalDependencies: { third: spec } };
    expect(check({ 'node_modules/lab': lab, 'node_modules/lab/node_modules/@clinic/second': deep })).toThrow(
      `@clinic/second depends on third by ${what}`,
    );
  });

  it.each(['file:../third', 'file:/srv/third.tgz', 'git+ssh://git@git.example/third.git#abc', '../../third'])(
    'comes from nowhere else: %s',
    (resolved) => {
      expect(check({ 'node_modules/lab': lab, 'node_modules/third': { resolved } })).toThrow(
        'third comes from a file or a repository',
      );
    },
  );

  it('has no list of its own of where to fetch from', () => {
    expect(check({ 'node_modules/lab': { ...lab, hasShrinkwrap: true } })).toThrow('lab has a npm-shrinkwrap.json');
  });
});

it('names no address, which may hold a password', () => {
  expect(() => assertOfRegistry('the package', { dependencies: { third: GIT } }, [])).toThrow(/^(?!.*hunter2)/);
});
