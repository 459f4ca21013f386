import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export interface SamplePackage {
  readonly version?: string;
  /** Changes to a package.json that is as it should be; what is set to undefined is left out. */
  readonly packageJson?: Readonly<Record<string, unknown>>;
  /** What `defineAdapter` is given, as source text. */
  readonly definition?: string;
  /** When it is removed; at the end of the running test by default. */
  readonly until?: (remove: () => Promise<void>) => void;
}

/** A folder for the running test. */
export async function useFolder(until: SamplePackage['until'] = onTestFinished): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-installs-'));
  until(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Writes the package of an adapter "lab" that has its SDK bundled, so that it depends on nothing and no registry is
 * asked.
 *
 * @returns its folder
 */
export async function writePackage(content: SamplePackage = {}): Promise<string> {
  const { version = '1.0.0', packageJson = {}, definition, until } = content;
  const folder = await useFolder(until);
  const complete = {
    name: '@clinic/adapter-lab',
    version,
    type: 'module',
    keywords: ['hms-sync-adapter'],
    exports: './index.js',
    hmsSync: { manifest: 1, id: 'lab', protocols: [1] },
    ...packageJson,
  };
  const brand = "[Symbol.for('@hms-sync/adapter-sdk/definition')]: true";
  const code = `export default { ${definition ?? "push: () => 'taken'"}, ${brand} };\n`;
  await write(join(folder, 'package.json'), JSON.stringify(complete));
  await write(join(folder, 'index.js'), code);
  return folder;
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
