import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AdapterName } from './adapter-name.ts';
import { packageJson, workspacePackageJson } from './package-json.ts';
import { releases } from './releases.ts';

/** The adapter to create. */
export interface AdapterFilesOptions {
  readonly name: AdapterName;
  /** One sentence: what it delivers, and where. */
  readonly description: string;
  /**
   * `package`: a separate package; `workspace`: a project in the repository of HMS-Sync. Both have the same adapter and tests.
   */
  readonly kind: 'package' | 'workspace';
  /** For a package: adds Node as a devDependency, for its scripts. */
  readonly bringsNode?: boolean;
}

const TEMPLATE_FOLDER = fileURLToPath(new URL('../template/', import.meta.url));

/** Renamed in the template: npm would leave out .gitignore, and tools of this repository would use the others. */
const RENAMED_FILES: Readonly<Record<string, string>> = {
  gitignore: '.gitignore',
  'ci.yml': '.github/workflows/test.yml',
  'vitest-config.txt': 'vitest.config.ts',
};

/** The first lines of a test in the template. */
const NODE_TEST = /import \{ describe, it \} from 'node:test';\n(?<sdk>import .* from '@hms-sync\/.*';\n)/;

/** The files of a new adapter: path with `/`, and text. */
export async function adapterFiles(options: AdapterFilesOptions): Promise<ReadonlyMap<string, string>> {
  const { name, description, kind, bringsNode = false } = options;
  const parts = { name, description, releases: releases() };
  const manifest = kind === 'package' ? packageJson({ ...parts, bringsNode }) : workspacePackageJson(parts);
  const files = new Map([['package.json', `${JSON.stringify(manifest, undefined, 2)}\n`]]);
  for (const folder of ['adapter', kind]) {
    for (const [path, text] of await filesIn(join(TEMPLATE_FOLDER, folder))) {
      files.set(RENAMED_FILES[path] ?? path, adapted(text, options));
    }
  }
  return files;
}

async function filesIn(folder: string): Promise<readonly (readonly [string, string])[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }) => {
        const file = join(parentPath, name);
        const path = file.slice(folder.length + 1).replaceAll('\\', '/');
        return [path, await readFile(file, 'utf8')] as const;
      }),
  );
}

function adapted(text: string, { name, description, kind }: AdapterFilesOptions): string {
  const filled = text
    .replaceAll('__id__', name.id)
    .replaceAll('__package__', name.packageName)
    .replaceAll('__description__', () => description);
  // The workspace uses vitest; sorted imports have it after the SDK.
  return kind === 'workspace' ? filled.replace(NODE_TEST, "$<sdk>import { describe, it } from 'vitest';\n") : filled;
}
