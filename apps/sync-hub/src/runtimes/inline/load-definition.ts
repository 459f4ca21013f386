import { pathToFileURL } from 'node:url';
import { type DefinedAdapter, isAdapterDefinition } from '@hms-sync/adapter-sdk/host';
import { findEntryFile } from '../entry-file.ts';
import type { Manifest } from '../manifest.ts';

/**
 * Runs an adapter's code: imports the package export that its manifest names.
 *
 * @returns the definition that defineAdapter made
 * @throws whatever the module throws at import, or an Error that says what is wrong with its export
 */
export async function loadDefinition(manifest: Manifest): Promise<DefinedAdapter> {
  const { path, name } = await findEntryFile(manifest);
  const module = await import(pathToFileURL(path).href);
  if (!isAdapterDefinition(module.default)) {
    throw new Error(`the default export of ${manifest.package} (${name}) is not made by defineAdapter`);
  }
  return module.default;
}
