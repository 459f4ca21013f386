import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AdapterName } from './adapter-name.ts';
import { packageJson, workspacePackageJson } from './package-json.ts';
import { releases } from './releases.ts';

/** What is to be made. */
export interface AdapterFilesOptions {
  readonly name: AdapterName;
  /** One sentence: what it sends to which system. */
  readonly description: string;
  /**
   * `package`: on its own, for anybody; `workspace`: a project of the workspace of HMS-Sync, beside its siblings.
   * Both are the same adapter with the same tests.
   */
  readonly kind: 'package' | 'workspace';
  /** For a package: its scripts run on a Node of its own. */
  readonly bringsNode?: boolean;
}

const TEMPLATE_FOLDER = fileURLToPath(new URL('../template/', import.meta.url));

/** Under their own names npm would leave out the first, and tools of this workspace would take the others for theirs. */
const RENAMED_FILES: Readonly<Record<string, string>> = {
  gitignore: '.gitignore',
  'ci.yml': '.github/workflows/test.yml',
  'vitest-config.txt': 'vitest.config.ts',
};

/** How a test of the template begins. */
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
  // The workspace has vitest, whose describe and it are the same; its name comes after that of the SDK.
  return kind === 'workspace' ? filled.replace(NODE_TEST, "$<sdk>import { describe, it } from 'vitest';\n") : filled;
}
