import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { boundaries, rooms } from './boundaries.ts';
import { root } from './root.ts';

/** A tree in small that keeps every rule: the rooms of the hub, the other projects, two packages from outside. */
const rightTree: Record<string, string> = {
  'apps/sync-hub/package.json': manifest('@hms-sync/sync-hub', './src/main.ts'),
  'apps/sync-hub/src/main.ts': "import './edges/door/listener.ts';\nimport './journal/sqlite/sqlite-journal.ts';",
  'apps/sync-hub/src/exit.ts': "import './edges/door/listener.ts';",
  'apps/sync-hub/src/core/step.ts': "import type { Lane } from './lane.ts';\nexport type { Lane };",
  'apps/sync-hub/src/core/lane.ts': 'export interface Lane { id: string }',
  'apps/sync-hub/src/core/step.test.ts': "import 'vitest';\nimport './step.ts';",
  'apps/sync-hub/src/lanes/lane.ts': "import '../core/step.ts';\nimport '../journal/journal.ts';",
  'apps/sync-hub/src/lanes/lane.test.ts': "import '../journal/memory/memory-journal.ts';",
  'apps/sync-hub/src/lanes/lane.fixture.ts': 'export {};',
  'apps/sync-hub/src/lanes/breaker.ts': "import 'opossum';",
  'apps/sync-hub/src/acks/acks.ts': "import '../journal/journal.ts';",
  'apps/sync-hub/src/config/config.ts': "import '../core/lane.ts';",
  'apps/sync-hub/src/telemetry/log.ts': 'export {};',
  'apps/sync-hub/src/journal/journal.ts': "import type { Lane } from '../core/lane.ts';\nexport type { Lane };",
  'apps/sync-hub/src/journal/memory/memory-journal.ts': "import '../journal.ts';",
  'apps/sync-hub/src/journal/sqlite/sqlite-journal.ts': "import './writer.ts';",
  'apps/sync-hub/src/journal/sqlite/inline-journal.ts': 'export {};',
  'apps/sync-hub/src/journal/sqlite/writer.ts': "import '../journal.ts';",
  'apps/sync-hub/src/runtimes/runtime.ts': 'export {};',
  'apps/sync-hub/src/runtimes/inline/inline-runtime.ts': "import '../runtime.ts';\nimport '@hms-sync/adapter-sdk';",
  'apps/sync-hub/src/edges/door/listener.ts': 'export {};',
  'apps/sync-hub/src/edges/door/listener.test.ts': "import './listener.ts';",
  'apps/sync-hub/src/edges/intake.ts': "import '../acks/acks.ts';\nimport '../lanes/lane.ts';",
  'apps/sync-hub/src/edges/http/b.ts': "import '../intake.ts';",
  'apps/sync-hub/src/edges/rpc/b.ts': "import '../intake.ts';",
  'apps/cli/package.json': manifest('@hms-sync/cli'),
  'apps/cli/src/main.ts': "import '@hms-sync/proto';\nimport.meta.resolve('@hms-sync/sync-hub');",
  'apps/sandbox/package.json': manifest('@hms-sync/sandbox', './src/sandbox.ts'),
  'apps/sandbox/src/sandbox.ts': 'export {};',
  // One half of two cycles, each of which the tool reports once.
  'apps/sandbox/src/c.ts': "import './b.ts';",
  'apps/sandbox/src/e.ts': "import type { D } from './d.ts';",
  'conformance/package.json': manifest('@hms-sync/conformance'),
  'conformance/src/hub.ts': "import '@hms-sync/sandbox';",
  'packages/adapter-sdk/package.json': manifest('@hms-sync/adapter-sdk', './src/index.ts'),
  'packages/adapter-sdk/src/index.ts': "import '@hms-sync/proto';\nexport interface Adapter { id: string }",
  'packages/adapter-billing/package.json': manifest('@hms-sync/adapter-billing', './src/adapter.ts'),
  'packages/adapter-billing/src/adapter.ts': "import '@hms-sync/adapter-sdk';",
  'testing/package.json': manifest('@hms-sync/testing', './src/server.ts'),
  'testing/src/server.ts': 'export {};',
  'apps/sync-hub/src/journal/journal.test.ts': "import '@hms-sync/testing';",
  'proto/package.json': manifest('@hms-sync/proto', './src/ack.ts'),
  'proto/src/ack.ts': 'export {};',
  'node_modules/opossum/package.json': '{ "name": "opossum", "version": "1.0.0", "main": "index.js" }',
  'node_modules/opossum/index.js': '',
  'node_modules/vitest/package.json': '{ "name": "vitest", "version": "1.0.0", "main": "index.js" }',
  'node_modules/vitest/index.js': '',
};

interface WrongImport {
  readonly rule: string;
  readonly file: string;
  readonly text: string;
}

const wrong = (rule: string, file: string, text: string): WrongImport => ({ rule, file, text });

/** Each is written into the tree, and has to be refused by its rule. */
const wrongImports: readonly WrongImport[] = [
  wrong('core-imports-nothing', 'apps/sync-hub/src/core/a.ts', "import 'node:fs';"),
  wrong('core-imports-nothing', 'apps/sync-hub/src/core/b.ts', "import 'vitest';"),
  wrong('core-imports-nothing', 'apps/sync-hub/src/core/c.ts', "export type * from '../lanes/lane.ts';"),
  wrong(
    'core-imports-nothing',
    'apps/sync-hub/src/core/d.ts',
    "export type A = import('@hms-sync/adapter-sdk').Adapter;",
  ),
  wrong('core-imports-nothing', 'apps/sync-hub/src/core/e.ts', "export const a = () => import('node:os');"),
  wrong('core-tests-import-core', 'apps/sync-hub/src/core/f.test.ts', "import '../lanes/lane.ts';"),
  wrong('only-breaker-imports-opossum', 'apps/sync-hub/src/lanes/a.ts', "import 'opossum';"),
  wrong(
    'only-breaker-imports-opossum',
    'apps/sync-hub/src/lanes/b.test.ts',
    "import type A from 'opossum';\nexport type { A };",
  ),
  wrong('main-is-a-process', 'apps/sync-hub/src/flags.ts', "import './main.ts';"),
  wrong('main-is-a-process', 'bench/src/a.ts', "import '@hms-sync/sync-hub';"),
  wrong('only-main-composes', 'apps/sync-hub/src/compose.ts', "import './journal/sqlite/sqlite-journal.ts';"),
  wrong('only-main-composes', 'apps/sync-hub/src/journal/a.ts', "import './sqlite/sqlite-journal.ts';"),
  wrong('inline-journal-is-for-tests', 'apps/sync-hub/src/journal/sqlite/b.ts', "import './inline-journal.ts';"),
  wrong('simulation-without-fixtures', 'apps/sync-hub/sim/a.ts', "import '../src/lanes/lane.fixture.ts';"),
  wrong('only-main-composes', 'apps/sync-hub/src/runtimes/a.ts', "import './inline/inline-runtime.ts';"),
  wrong('only-main-composes', 'apps/sync-hub/src/lanes/f.test.ts', "import '../journal/sqlite/sqlite-journal.ts';"),
  wrong('only-main-composes', 'apps/sync-hub/src/edges/a.ts', "import './door/listener.ts';"),
  wrong('core-sees', 'apps/sync-hub/src/core/g.ts', "import '../journal/journal.ts';"),
  wrong('journal-sees', 'apps/sync-hub/src/journal/b.ts', "import '../lanes/lane.ts';"),
  wrong('runtimes-sees', 'apps/sync-hub/src/runtimes/b.ts', "import '../journal/journal.ts';"),
  wrong('acks-sees', 'apps/sync-hub/src/acks/a.ts', "import '../lanes/lane.ts';"),
  wrong('lanes-sees', 'apps/sync-hub/src/lanes/c.ts', "import '../acks/acks.ts';"),
  wrong('cluster-sees', 'apps/sync-hub/src/cluster/a.ts', "import '../acks/acks.ts';"),
  wrong('lanes-sees', 'apps/sync-hub/src/lanes/d.ts', "import '../journal/memory/memory-journal.ts';"),
  wrong('operations-sees', 'apps/sync-hub/src/operations/a.ts', "import '../acks/acks.ts';"),
  wrong('operations-sees', 'apps/sync-hub/src/operations/b.ts', "import '../journal/memory/memory-journal.ts';"),
  wrong('edges-sees', 'apps/sync-hub/src/edges/b.ts', "import '../runtimes/runtime.ts';"),
  wrong('edges-are-apart', 'apps/sync-hub/src/edges/http/a.ts', "import '../rpc/b.ts';"),
  wrong('edges-are-apart', 'apps/sync-hub/src/edges/rpc/a.ts', "import '../http/b.ts';"),
  wrong('edges-are-apart', 'apps/sync-hub/src/edges/publishing/a.ts', "import '../rpc/b.ts';"),
  wrong('installs-sees', 'apps/sync-hub/src/installs/a.ts', "import '../edges/intake.ts';"),
  wrong('queues-sees', 'apps/sync-hub/src/queues/a.ts', "import '../journal/journal.ts';"),
  wrong('access-sees', 'apps/sync-hub/src/access/a.ts', "import '../core/step.ts';"),
  wrong('tls-sees', 'apps/sync-hub/src/tls/a.ts', "import '../config/config.ts';"),
  wrong('files-sees', 'apps/sync-hub/src/files/a.ts', "import '../journal/journal.ts';"),
  wrong('config-sees', 'apps/sync-hub/src/config/a.ts', "import '../edges/intake.ts';"),
  wrong('config-sees', 'apps/sync-hub/src/config/b.ts', "import '../lanes/breaker.ts';"),
  wrong('audit-sees', 'apps/sync-hub/src/audit/a.ts', "import '../journal/journal.ts';"),
  wrong('telemetry-sees', 'apps/sync-hub/src/telemetry/a.ts', "import '../config/config.ts';"),
  wrong('apps-cli-sees', 'apps/cli/src/a.ts', "import '@hms-sync/sandbox';"),
  wrong('apps-sync-hub-sees', 'apps/sync-hub/src/a.ts', "import '@hms-sync/adapter-billing';"),
  wrong('bench-sees', 'bench/src/b.ts', "import '@hms-sync/adapter-billing';"),
  wrong('conformance-sees', 'conformance/src/a.ts', "import '@hms-sync/adapter-sdk';"),
  wrong(
    'conformance-fixtures-packages-*-sees',
    'conformance/fixtures/packages/adapter-a/a.js',
    "import '@hms-sync/proto';",
  ),
  wrong('examples-*-sees', 'examples/hms-api/src/a.ts', "import '@hms-sync/adapter-sdk';"),
  wrong('examples-cluster-sees', 'examples/cluster/src/a.ts', "import '@hms-sync/adapter-sdk';"),
  wrong('examples-adapter-*-sees', 'examples/adapter-python/a.ts', "import '@hms-sync/sandbox';"),
  wrong('packages-adapter-*-sees', 'packages/adapter-billing/src/a.ts', "import '@hms-sync/proto';"),
  wrong(
    'packages-create-adapter-template-sees',
    'packages/create-adapter/template/a.ts',
    "import '@hms-sync/sandbox';",
  ),
  wrong('packages-adapter-sdk-sees', 'packages/adapter-sdk/src/a.ts', "import '@hms-sync/sandbox';"),
  wrong('project-sees', 'packages/create-adapter/src/a.ts', "import '@hms-sync/adapter-sdk';"),
  wrong('apps-sandbox-sees', 'apps/sandbox/src/a.ts', "import '@hms-sync/proto';"),
  wrong('no-way-round-exports', 'apps/cli/src/b.ts', "import '../../../proto/src/ack.ts';"),
  wrong('sources-without-tests', 'packages/adapter-sdk/src/b.ts', "import 'vitest';"),
  wrong('sources-without-tests', 'apps/sync-hub/src/lanes/e.ts', "import './lane.test.ts';"),
  wrong('ships-without-testing', 'apps/sync-hub/src/lanes/h.ts', "import '@hms-sync/testing';"),
  wrong('no-circles', 'apps/sandbox/src/b.ts', "import './c.ts';"),
  wrong('no-circles', 'apps/sandbox/src/d.ts', "import type { E } from './e.ts';"),
  wrong('found', 'apps/cli/src/c.ts', "import './gone.ts';"),
];

const Result = z.object({
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), rule: z.object({ name: z.string() }) })),
    totalCruised: z.number(),
  }),
});

let tree: string;
let refused: { from: string; rule: string }[];

beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'hms-sync-tree-'));
  await write(Object.entries(rightTree));
  await write(wrongImports.map(({ file, text }): [string, string] => [file, text]));
  for (const file of Object.keys(rightTree).filter((path) =>
    /^(apps|packages|proto|testing).*package\.json$/.test(path),
  )) {
    await link(dirname(file));
  }
  refused = await cruise();
});

afterAll(() => rm(tree, { recursive: true }));

describe('the import boundaries', () => {
  test.each(wrongImports)('$rule rejects in $file: $text', ({ rule, file }) => {
    expect(refused.filter(({ from }) => from === file).map((violation) => violation.rule)).toContain(rule);
  });

  test('reject nothing of a tree that keeps them', () => {
    const wrongFiles = new Set(wrongImports.map(({ file }) => file));
    expect(refused.filter(({ from }) => !wrongFiles.has(from))).toEqual([]);
  });

  test('are all seen to reject', () => {
    const seen = new Set(wrongImports.map(({ rule }) => rule));
    expect(boundaries.forbidden?.map(({ name }) => name).filter((name) => !seen.has(name ?? ''))).toEqual([]);
  });
});

describe('every rule', () => {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0');

  test.each(boundaries.forbidden ?? [])('$name is about files that exist', ({ from }) => {
    const path = new RegExp([from.path ?? ''].flat().join('|'));
    expect(files.some((file) => path.test(file))).toBe(true);
  });
});

test('every room of the hub has a rule', async () => {
  const entries = await readdir(join(root, 'apps/sync-hub/src'), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(Object.keys(rooms).sort()).toEqual(folders.sort());
});

function manifest(name: string, entry?: string): string {
  return JSON.stringify({ name, version: '1.0.0', type: 'module', exports: { '.': { '@hms-sync/source': entry } } });
}

async function write(files: readonly (readonly [path: string, text: string])[]): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), `${text}\n`);
  }
}

/** As npm links the packages of a workspace. */
async function link(folder: string): Promise<void> {
  const scope = join(tree, 'node_modules/@hms-sync');
  await mkdir(scope, { recursive: true });
  const name = folder.slice(folder.lastIndexOf('/') + 1);
  await symlink(relative(scope, join(tree, folder)), join(scope, name));
}

/** What the tool refuses in the tree, run as `npm run lint` runs it. */
function cruise(): Promise<{ from: string; rule: string }[]> {
  const args = [
    `--import=${join(root, 'tools/with-typescript-6.ts')}`,
    join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
    `--config=${join(root, 'tools/dependency-cruiser.mjs')}`,
    '--output-type=json',
    ...['apps', 'bench', 'conformance', 'examples', 'packages', 'proto'],
  ];
  return new Promise((done, fail) => {
    execFile(process.execPath, args, { cwd: tree, maxBuffer: 64 * 1024 * 1024 }, (_, stdout, stderr) => {
      try {
        const { violations } = Result.parse(JSON.parse(stdout)).summary;
        done(violations.map(({ from, rule }) => ({ from, rule: rule.name })));
      } catch (error) {
        fail(new Error(`dependency-cruiser printed no result: ${stderr}`, { cause: error }));
      }
    });
  });
}
