import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { ADAPTER_ID, ADAPTER_ID_RULE } from '../core/adapter-id.ts';

/** The manifest versions and the adapter protocols that this hub understands. */
const MANIFEST_VERSION = 1;
const PROTOCOLS: readonly number[] = [1];

/** What an adapter's package.json says of it, read without running its code. */
export interface Manifest {
  /** Names the adapter in acks, health and configuration. */
  readonly id: string;
  readonly package: string;
  readonly version: string;
  /** The folder of the package. */
  readonly folder: string;
  /** The package export that is the adapter's definition: "." or a subpath such as "./adapter". */
  readonly entry: string;
}

/** Why a package cannot be used as an adapter. The message says where and what to do. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  /** NO_COMMON_PROTOCOL: the package is well, and made for another hub. TWIN: two adapters have the same id. */
  readonly code: 'NOT_FOUND' | 'INVALID' | 'NO_COMMON_PROTOCOL' | 'TWIN';
  /** The adapter's id, when the manifest tells at least that: its deliveries must wait under the same name. */
  readonly id: string | undefined;

  constructor(code: ManifestError['code'], message: string, id?: string) {
    super(message);
    this.code = code;
    this.id = id;
  }
}

const adapterId = z.string().regex(ADAPTER_ID, ADAPTER_ID_RULE);

const packageJson = z.object({
  name: z.string(),
  version: z.string(),
  hmsSync: z.object(
    {
      manifest: z.number().int(),
      id: adapterId,
      entry: z
        .string()
        .regex(/^\.($|\/)/, 'must be "." or begin with "./"')
        .default('.'),
      protocols: z.array(z.number().int()).min(1),
    },
    { error: 'is missing: this package is no HMS-Sync adapter' },
  ),
});

/** What may be readable of a manifest that is wrong otherwise. */
const idOnly = z.object({ hmsSync: z.object({ id: adapterId }) });

/**
 * Finds an adapter's package in the node_modules folders from the configuration file's folder upwards, then from
 * the hub's own, and reads its manifest.
 *
 * @param folder the configuration file's folder
 * @throws {ManifestError}
 */
export async function readManifest(packageName: string, folder: string): Promise<Manifest> {
  const path = locate(packageName, pathToFileURL(`${folder}/`)) ?? locate(packageName, import.meta.url);
  if (path === undefined) {
    throw new ManifestError(
      'NOT_FOUND',
      `the package ${packageName} is not in node_modules of ${folder} or above; install it there: npm install ${packageName}`,
    );
  }
  const content = await readJson(path);
  const id = idOnly.safeParse(content).data?.hmsSync.id;
  const parsed = packageJson.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ManifestError('INVALID', `${path}: ${issue?.path.join('.')} ${issue?.message}`, id);
  }
  const { name, version, hmsSync } = parsed.data;
  if (hmsSync.manifest !== MANIFEST_VERSION) {
    throw new ManifestError(
      'INVALID',
      `${path}: hmsSync.manifest is ${hmsSync.manifest}, this hub reads ${MANIFEST_VERSION}; install another version of ${name} or of the hub`,
      id,
    );
  }
  if (!hmsSync.protocols.some((protocol) => PROTOCOLS.includes(protocol))) {
    throw new ManifestError(
      'NO_COMMON_PROTOCOL',
      `${name}@${version} speaks adapter protocol ${hmsSync.protocols.join(', ')}, this hub ${PROTOCOLS.join(', ')}; install a version of ${name} that speaks one of the hub's`,
      id,
    );
  }
  return { id: hmsSync.id, package: name, version, folder: dirname(path), entry: hmsSync.entry };
}

function locate(packageName: string, base: string | URL): string | undefined {
  try {
    return findPackageJSON(packageName, base);
  } catch {
    // Node throws when the name resolves nowhere: that is an answer here.
    return undefined;
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new ManifestError(
      'INVALID',
      `${path} cannot be read as JSON: ${cause instanceof Error ? cause.message : cause}`,
    );
  }
}
