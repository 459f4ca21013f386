import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Kit, readKit } from '@hms-sync/adapter-sdk/stand-in';
import { ExitCode, Failure } from '../failure.ts';

/** The package of an adapter in development, with its `verify.json`. */
export interface DevAdapter {
  /** Absolute. */
  readonly folder: string;
  readonly packageName: string;
  readonly version: string;
  /** Its id in acks and health. */
  readonly id: string;
  readonly kit: Kit;
}

/**
 * Reads package.json and verify.json. The hub checks the rest of package.json.
 *
 * @throws Failure that names the file and what to write
 */
export async function readDevAdapter(place: string): Promise<DevAdapter> {
  const folder = resolve(place);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new Failure(`--adapter: ${folder} is not a folder`, ExitCode.usage);
  }
  const packageFile = join(folder, 'package.json');
  const packageJson = await readPackageJson(packageFile);
  const { id } = recordOf(packageJson.hmsSync);
  if (typeof id !== 'string' || typeof packageJson.name !== 'string') {
    const what = typeof packageJson.name === 'string' ? 'hmsSync.id' : 'name';
    throw new Failure(`${packageFile}: ${what} is missing: this package is not an HMS-Sync adapter`, ExitCode.usage);
  }
  const kit = await readKit(join(folder, 'verify.json')).catch((cause: Error) => {
    throw new Failure(cause.message, ExitCode.usage, { cause });
  });
  return {
    folder,
    packageName: packageJson.name,
    version: String(packageJson.version),
    id,
    kit,
  };
}

async function readPackageJson(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return recordOf(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const why = code === 'ENOENT' ? 'there is no such file' : error instanceof Error ? error.message : String(error);
    const advice = 'set --adapter to the folder of an adapter, or create one: npm create @hms-sync/adapter lab';
    throw new Failure(`${file}: ${why}; ${advice}`, ExitCode.usage, { cause: error });
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
