import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type DefinedAdapter, isAdapterDefinition } from '@hms-sync/adapter-sdk/host';
import { exports as resolveExports } from 'resolve.exports';
import type { Manifest } from '../manifest.ts';

/**
 * Runs an adapter's code: imports the package export that its manifest names.
 *
 * @returns the definition that defineAdapter made
 * @throws whatever the module throws at import, or an Error that says what is wrong with its export
 */
export async function loadDefinition(manifest: Manifest): Promise<DefinedAdapter> {
  const packageJson = JSON.parse(await readFile(join(manifest.folder, 'package.json'), 'utf8'));
  const conditions = conditionsIn([...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)]);
  const [file] = resolveExports(packageJson, manifest.entry, { conditions }) ?? [
    fileWithoutExports(packageJson, manifest),
  ];
  if (file === undefined)
    throw new Error(`${manifest.package} exports no ${manifest.entry}, which its manifest names as entry`);
  const module = await import(pathToFileURL(join(manifest.folder, file)).href);
  if (!isAdapterDefinition(module.default)) {
    throw new Error(`the default export of ${manifest.package} (${file}) is not made by defineAdapter`);
  }
  return module.default;
}

/**
 * The export conditions among Node's flags, `--conditions=x`, `--conditions x` or `-C x`. Those that this process was
 * started with count for adapters too: a checkout runs them from their sources.
 */
export function conditionsIn(flags: readonly string[]): readonly string[] {
  return flags.flatMap((flag, index) => {
    if (flag === '--conditions' || flag === '-C') return flags[index + 1] ?? [];
    return flag.startsWith('--conditions=') ? flag.slice('--conditions='.length) : [];
  });
}

/** Without `exports` a subpath is a file of the package, and "." is its `main`. */
function fileWithoutExports(packageJson: { readonly main?: string }, { entry }: Manifest): string {
  return entry === '.' ? (packageJson.main ?? 'index.js') : entry;
}
