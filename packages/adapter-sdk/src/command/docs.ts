import { writeFile } from 'node:fs/promises';
import { visibleLines } from '@hms-sync/proto/visible-text';
import { configPageOf } from '../config-page.ts';
import { configSchemaOf } from '../config-schema.ts';
import { findPackage, importDefinition } from '../testing/adapter-package.ts';
import { parseFlags } from './usage.ts';

/** `hms-adapter docs`: prints the configuration of the adapter in this folder, as a page or as JSON Schema. */
export async function docs(flags: readonly string[]): Promise<number> {
  const { json, out } = parseFlags(flags, { json: { type: 'boolean' }, out: { type: 'string' } });
  const found = await findPackage(process.cwd());
  const definition = await importDefinition(found);
  const text = json
    ? `${JSON.stringify(configSchemaOf(definition) ?? {}, undefined, 2)}\n`
    : configPageOf(definition, `Configuration of ${String(found.manifest.id)}`);
  if (out === undefined) process.stdout.write(visibleLines(text));
  else await writeFile(out, text);
  return 0;
}
