import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { JsonError, readJson } from '@hms-sync/proto/json';
import { z } from 'zod';
import { ADAPTER_ID, ADAPTER_ID_RULE } from '../core/adapter-id.ts';

/** The manifest version that this hub understands. */
const MANIFEST_VERSION = 1;
/** The majors of hms.adapter that this hub speaks. */
export const SPOKEN_PROTOCOLS: readonly number[] = [1];

/**
 * A process of its own with an SDK and an HTTP client takes 100 MB; the rest is room for 1,024 events in flight of a
 * quarter of a megabyte each.
 */
const DEFAULT_MEMORY_MB = 512;
/** Less than this no Node process with an adapter in it can start. */
const MIN_MEMORY_MB = 128;
const MAX_MEMORY_MB = 65_536;

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
  /** What the resident memory of its process may come to. */
  readonly memoryMb: number;
  /** What its process may do beside computing and the network. Undefined: what the hub's user may. */
  readonly permissions: Permissions | undefined;
}

/**
 * What Node's permission model lets a process do. A seat belt against mistakes and no sandbox: Node says so itself, and
 * the network is not restricted.
 */
export interface Permissions {
  /** Folders and files beside its packages, absolute or from the package's folder. */
  readonly fsRead: readonly string[];
  readonly fsWrite: readonly string[];
  readonly childProcess: boolean;
  readonly worker: boolean;
  readonly addons: boolean;
}

/** What an operator grants to packages at most. */
export interface PackageLimits {
  readonly maxMemoryMb: number;
  /** Required: only packages that declare their permissions may run. */
  readonly permissions: 'required' | 'optional';
}

/** Why a package cannot be used as an adapter. The message says where and what to do. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  /** NO_COMMON_PROTOCOL: the package is well, and made for another hub. TWIN: two adapters have the same id. */
  readonly code: 'NOT_FOUND' | 'INVALID' | 'NO_COMMON_PROTOCOL' | 'TWIN';
  /** The adapter's id, when the manifest has at least that: its deliveries must wait under the same name. */
  readonly id: string | undefined;

  constructor(code: ManifestError['code'], message: string, id?: string) {
    super(message);
    this.code = code;
    this.id = id;
  }
}

const adapterId = z.string().regex(ADAPTER_ID, ADAPTER_ID_RULE);

// Strict: a permission that is misspelt would else be missing where it is needed.
const permissions = z.strictObject({
  fsRead: z.array(z.string().min(1)).default([]),
  fsWrite: z.array(z.string().min(1)).default([]),
  childProcess: z.boolean().default(false),
  worker: z.boolean().default(false),
  addons: z.boolean().default(false),
});

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
      limits: z
        .strictObject({ memoryMb: z.int().min(MIN_MEMORY_MB).max(MAX_MEMORY_MB).default(DEFAULT_MEMORY_MB) })
        .prefault({}),
      permissions: permissions.optional(),
    },
    { error: 'is missing: this package is not an HMS-Sync adapter' },
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
  const path = findPackage(packageName, folder) ?? findPackage(packageName, import.meta.dirname);
  if (path === undefined) {
    throw new ManifestError(
      'NOT_FOUND',
      `the package ${packageName} is not in node_modules of ${folder} or above; install it there: npm install ${packageName}`,
    );
  }
  return readManifestFile(path);
}

/** Reads the manifest in a package.json. @throws {ManifestError} */
export async function readManifestFile(path: string): Promise<Manifest> {
  const content = await readPackageJson(path);
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
  if (!hmsSync.protocols.some((protocol) => SPOKEN_PROTOCOLS.includes(protocol))) {
    throw new ManifestError(
      'NO_COMMON_PROTOCOL',
      `${name}@${version} speaks adapter protocol ${hmsSync.protocols.join(', ')}, this hub ${SPOKEN_PROTOCOLS.join(', ')}; install a version of ${name} that speaks one of the hub's`,
      id,
    );
  }
  return {
    id: hmsSync.id,
    package: name,
    version,
    folder: dirname(path),
    entry: hmsSync.entry,
    memoryMb: hmsSync.limits.memoryMb,
    permissions: hmsSync.permissions,
  };
}

/** Why a package may not run: it asks for more than it is granted. Undefined when it may. */
export function whyNotGranted(manifest: Manifest, limits: PackageLimits): string | undefined {
  const { package: name, version, memoryMb, permissions } = manifest;
  if (memoryMb > limits.maxMemoryMb) {
    return `${name}@${version} asks for ${memoryMb} MB of memory (hmsSync.limits.memoryMb of its package.json; ${DEFAULT_MEMORY_MB} if absent), and adapterPolicy.maxMemoryMb of hms-sync.yaml allows ${limits.maxMemoryMb}; if it needs that much, raise the setting and restart the hub`;
  }
  if (permissions === undefined && limits.permissions === 'required') {
    return `${name}@${version} does not declare what it may reach (hmsSync.permissions of its package.json), and adapterPolicy.permissions of hms-sync.yaml is required; install a version that declares it, or write permissions: optional there and restart the hub`;
  }
  return undefined;
}

/** The package.json of a package as seen from a folder; undefined when there is none. */
export function findPackage(packageName: string, folder: string): string | undefined {
  try {
    return findPackageJSON(packageName, pathToFileURL(`${folder}/`));
  } catch {
    // Node throws when the name resolves nowhere: that is an answer here.
    return undefined;
  }
}

/** A package.json, by the rules for JSON that hold everywhere. @throws {ManifestError} INVALID */
export async function readPackageJson(path: string): Promise<unknown> {
  try {
    return readJson(await readFile(path)).value;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what = cause instanceof JsonError ? cause.message : `cannot be read (${code})`;
    throw new ManifestError('INVALID', `${path} ${what}`);
  }
}
