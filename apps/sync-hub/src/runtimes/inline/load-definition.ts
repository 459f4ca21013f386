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
  // The conditions that this process was started with count too: a checkout runs its adapters from their sources.
  const conditions = process.execArgv.flatMap((flag) => /^(?:--conditions|-C)=(.+)$/.exec(flag)?.[1] ?? []);
  const [file] = resolveExports(packageJson, manifest.entry, { conditions }) ?? [packageJson.main ?? 'index.js'];
  if (file === undefined)
    throw new Error(`${manifest.package} exports no ${manifest.entry}, which its manifest names as entry`);
  const module = await import(pathToFileURL(join(manifest.folder, file)).href);
  if (!isAdapterDefinition(module.default)) {
    throw new Error(`the default export of ${manifest.package} (${file}) is not made by defineAdapter`);
  }
  return module.default;
}
