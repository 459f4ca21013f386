import type { AdapterName } from './adapter-name.ts';
import { NODE_MIN, type Releases } from './releases.ts';

/** The parts of a package.json. */
export interface PackageJsonOptions {
  readonly name: AdapterName;
  readonly description: string;
  readonly releases: Releases;
}

function hmsSync(id: string) {
  return { manifest: 1, id, entry: '.', protocols: [1], limits: { memoryMb: 256 }, permissions: {} };
}

/**
 * The package.json of a separate package. With the condition `@hms-sync/dev`, `hms-sync dev` runs it from source.
 *
 * @param options.bringsNode adds Node as a devDependency, because the machine's is too old.
 */
export function packageJson(options: PackageJsonOptions & { readonly bringsNode: boolean }): object {
  const { name, description, releases, bringsNode } = options;
  return {
    name: name.packageName,
    version: '0.1.0',
    type: 'module',
    description,
    engines: { node: `>=${NODE_MIN}` },
    keywords: ['hms-sync-adapter'],
    hmsSync: hmsSync(name.id),
    exports: {
      '.': { '@hms-sync/dev': './src/adapter.ts', types: './dist/adapter.d.ts', default: './dist/adapter.js' },
    },
    files: ['dist'],
    scripts: {
      dev: 'hms-sync dev --adapter .',
      build: 'tsc -p tsconfig.build.json',
      pretest: 'tsc && npm run build',
      test: 'node --test "src/**/*.test.ts"',
      docs: 'npm run build --silent && hms-adapter docs',
      prepack: 'npm run build',
    },
    dependencies: pick(releases, '@hms-sync/adapter-sdk'),
    devDependencies: pick(
      releases,
      '@hms-sync/cli',
      '@types/node',
      ...(bringsNode ? (['node'] as const) : []),
      'typescript',
    ),
    // The package "node" has to put its program in place; what protobufjs would do is to look for an old version of it.
    allowScripts: { ...(bringsNode ? { node: true } : {}), protobufjs: false },
  };
}

/** Of a project in the workspace of HMS-Sync, as its siblings have it. */
export function workspacePackageJson({ name, description, releases }: PackageJsonOptions): object {
  return {
    name: name.packageName,
    version: '0.1.0',
    type: 'module',
    description,
    license: 'Apache-2.0',
    engines: { node: `>=${NODE_MIN}` },
    keywords: ['hms-sync-adapter'],
    hmsSync: hmsSync(name.id),
    exports: {
      '.': { '@hms-sync/source': './src/adapter.ts', types: './dist/adapter.d.ts', default: './dist/adapter.js' },
    },
    files: ['dist'],
    scripts: {
      build: 'tsc -p tsconfig.build.json',
      typecheck: 'tsc -p tsconfig.json',
      lint: 'biome check --error-on-warnings .',
      test: 'vitest run',
      package: 'publint --strict && attw --pack . --profile esm-only --quiet',
    },
    dependencies: pick(releases, '@hms-sync/adapter-sdk'),
  };
}

function pick(releases: Releases, ...names: readonly (keyof Releases)[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, releases[name]]));
}
