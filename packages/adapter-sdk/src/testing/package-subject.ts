import type { DefinedAdapter } from '../definition.ts';
import { type AdapterPackage, importDefinition } from './adapter-package.ts';
import { definitionSubject } from './definition-subject.ts';
import type { Subject } from './target.ts';

/**
 * The adapter of a package on disk, in this process.
 *
 * @param definition Absent: what the manifest's entry exports, imported when it is needed.
 */
export function packageSubject(found: AdapterPackage, definition?: DefinedAdapter): Subject {
  const { folder, packageJson, manifest } = found;
  let importing: Promise<DefinedAdapter> | undefined;
  const source = () => {
    importing ??= importDefinition(found);
    return importing;
  };
  const place = { id: String(manifest.id ?? packageJson.name), version: String(packageJson.version), folder };
  return definitionSubject(definition ?? source, place);
}
