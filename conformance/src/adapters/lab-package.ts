import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface LabPackage {
  readonly version: string;
  /** The body of its push; `event` and `context` are there. By default the receipt lists what it got. */
  readonly push?: string;
  /** Further members of its definition, each with a comma after it. */
  readonly members?: string;
  /** What is run when it is imported. */
  readonly atImport?: string;
  /** Further members of its manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const ECHO = 'return JSON.stringify({ attempt: context.attempt, redelivered: context.redelivered });';

/**
 * Writes the package of an adapter "lab" that depends on nothing: its SDK is bundled, as far as it needs one. So
 * installing it asks no registry.
 *
 * @returns its folder
 */
export async function writeLab(
  into: string,
  { version, push = ECHO, members = '', atImport = '', manifest = {}, dependencies = {} }: LabPackage,
): Promise<string> {
  const folder = join(into, `lab-${version}`);
  await mkdir(folder, { recursive: true });
  const packageJson = {
    name: '@clinic/adapter-lab',
    version,
    type: 'module',
    keywords: ['hms-sync-adapter'],
    exports: './index.js',
    hmsSync: { manifest: 1, id: 'lab', protocols: [1], ...manifest },
    dependencies,
  };
  const definition = `{
  delivery: { concurrency: 32 },
  ${members}
  async push(event, context) { ${push} },
  [Symbol.for('@hms-sync/adapter-sdk/definition')]: true,
}`;
  await writeFile(join(folder, 'package.json'), JSON.stringify(packageJson));
  await writeFile(join(folder, 'index.js'), `${atImport}\nexport default ${definition};\n`);
  return folder;
}
