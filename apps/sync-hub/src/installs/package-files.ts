import { execFile } from 'node:child_process';
import { constants, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findEntryFile } from '../runtimes/entry-file.ts';
import { type Manifest, ManifestError, readManifestFile, readPackageJson } from '../runtimes/manifest.ts';
import { assertLockOfRegistry, assertOfRegistry, type Dependent, type Lockfile } from './foreign-dependencies.ts';
import { InstallError } from './install-error.ts';
import { type NpmOptions, runNpm, withoutCredentials } from './npm.ts';
import { isPackageName, type PackageSpec } from './package-spec.ts';
import { type UnpublishedPackages, unpublishedPackages } from './unpublished.ts';

/** Adapters are found by it at npm; a package without it does not mean to be one. */
const KEYWORD = 'hms-sync-adapter';
/** The package as it came, beside what was made of it: what the lock's integrity is about. */
export const TARBALL = 'adapter.tgz';

/** Where tarballs of unpublished packages are while npm installs. */
const UNPUBLISHED = 'unpublished';
/** The hub's own package: what adapters are made with is seen from here, also what no registry has yet. */
const HUB_FOLDER = fileURLToPath(new URL('../..', import.meta.url));

/** The largest packages are copied in seconds. */
const COPY_TIMEOUT_MS = 60_000;

/**
 * Puts a package and its dependencies into an empty folder, with a lockfile of their own. No script of any of them
 * runs.
 *
 * @throws {InstallError} NOT_FOUND, NPM_FAILED, NOT_ALLOWED or NOT_AN_ADAPTER
 */
export async function installPackage(spec: PackageSpec, folder: string, npm?: NpmOptions): Promise<Manifest> {
  await fetchTarball(spec, folder, npm);
  const packed = await packageJsonIn(join(folder, TARBALL));
  const names = spec.kind === 'registry' ? [] : Object.keys(packed.dependencies ?? {}).filter(isPackageName);
  const folders = [...(spec.kind === 'folder' ? [spec.path] : []), HUB_FOLDER];
  const { packages, unbuilt } = await unpublishedPackages(names, folders);
  // Before npm asks any other machine for it.
  const local = {
    names: packages.map(({ name }) => name),
    isLocal: (file: string) => file === TARBALL || dirname(file) === UNPUBLISHED,
  };
  assertOfRegistry('the package', packed, local.names);
  const overrides = await packUnpublished(packages, folder, npm);
  await writeFile(join(folder, 'package.json'), `${JSON.stringify({ private: true, overrides })}\n`);
  // Whatever the operator's npm is set to: a lockfile, no links, here and for nobody else.
  // What it has seen of the dependencies already is as good as what the registry says today, and there at once.
  const flags = [
    '--prefer-offline',
    '--omit=dev',
    '--package-lock',
    '--no-global',
    '--install-strategy=hoisted',
    '--install-links',
    // An npm that knows it does not even fetch what the check below would refuse.
    '--allow-git=none',
  ];
  await runNpm({ name: 'install', flags, packages: [`./${TARBALL}`] }, folder, npm).catch((error: unknown) => {
    throw unbuilt.length === 0 ? error : withAdvice(error, unbuilt);
  });
  await rm(join(folder, UNPUBLISHED), { recursive: true, force: true });
  const lockfile = (await readJson(join(folder, 'package-lock.json'), 'the package')) as Lockfile;
  assertLockOfRegistry(lockfile, local);
  const manifest = await readPackage(folder);
  await assertRunnable(manifest);
  return manifest;
}

/**
 * The manifest of the package that a folder was made for.
 *
 * @throws {InstallError} NOT_AN_ADAPTER
 */
export async function readPackage(folder: string): Promise<Manifest> {
  const { dependencies = {} } = (await readJson(join(folder, 'package.json'), 'the package')) as {
    dependencies?: Readonly<Record<string, string>>;
  };
  const [name] = Object.keys(dependencies);
  if (name === undefined) throw new InstallError('NOT_AN_ADAPTER', 'npm installed nothing: the package has no name');
  if (!isPackageName(name)) throw new InstallError('NOT_AN_ADAPTER', 'the package has a name that npm does not allow');
  const path = join(folder, 'node_modules', name, 'package.json');
  const { keywords, version } = (await readJson(path, name)) as { keywords?: unknown; version?: unknown };
  if (!Array.isArray(keywords) || !keywords.includes(KEYWORD)) {
    throw new InstallError(
      'NOT_AN_ADAPTER',
      `${name}@${version} is not an adapter: the keywords of its package.json do not include "${KEYWORD}"`,
    );
  }
  try {
    return await readManifestFile(path);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    const what = error.message.replace(path, 'its package.json');
    throw new InstallError('NOT_AN_ADAPTER', `${name}@${version} cannot run here: ${what}`, { cause: error });
  }
}

/** Where a package was found: its path, or the address of its tarball as the registry has it. @throws {InstallError} */
export async function originOf(
  spec: PackageSpec,
  { version, folder, npm }: { readonly version: string; readonly folder: string; readonly npm: NpmOptions | undefined },
): Promise<string> {
  if (spec.kind !== 'registry') return spec.path;
  const packages = [`${spec.package}@${version}`, 'dist.tarball'];
  const said = await runNpm({ name: 'view', flags: ['--prefer-offline'], packages }, folder, npm);
  try {
    return withoutCredentials(String(JSON.parse(said)));
  } catch {
    return 'the npm registry, which does not say where';
  }
}

async function fetchTarball(spec: PackageSpec, folder: string, npm: NpmOptions | undefined): Promise<void> {
  const tarball = join(folder, TARBALL);
  if (spec.kind === 'tarball') return copyTarball(spec.path, tarball);
  const packed = join(folder, 'packed');
  await mkdir(packed);
  const wanted = spec.kind === 'folder' ? spec.path : `${spec.package}@${spec.range}`;
  const flags = ['--prefer-online', `--pack-destination=${packed}`];
  await runNpm({ name: 'pack', flags, packages: [wanted] }, folder, npm);
  const [name] = (await readdir(packed)).filter((file) => file.endsWith('.tgz'));
  if (name === undefined) throw new InstallError('NPM_FAILED', `npm pack made no tarball of ${wanted}`);
  await rename(join(packed, name), tarball);
  await rmdir(packed);
}

/** The package.json in a tarball. Empty for one that is not as npm makes them: npm says what is wrong. */
async function packageJsonIn(tarball: string): Promise<Dependent> {
  try {
    const args = ['-xzOf', tarball, '--', 'package/package.json'];
    const { stdout } = await promisify(execFile)('tar', args, { timeout: COPY_TIMEOUT_MS, maxBuffer: 1024 * 1024 });
    return (JSON.parse(stdout) ?? {}) as Dependent;
  } catch {
    return {};
  }
}

/** Each for its own version, in npm's words; tarballs, for npm mixes up folders that depend on folders. */
async function packUnpublished(
  packages: UnpublishedPackages['packages'],
  folder: string,
  npm: NpmOptions | undefined,
): Promise<Readonly<Record<string, string>>> {
  if (packages.length === 0) return {};
  await mkdir(join(folder, UNPUBLISHED));
  const folders = packages.map((one) => one.folder);
  await runNpm({ name: 'pack', flags: [`--pack-destination=${UNPUBLISHED}`], packages: folders }, folder, npm);
  return Object.fromEntries(
    packages.map(({ name, version }) => {
      const file = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
      return [`${name}@${version}`, `file:${join(folder, UNPUBLISHED, file)}`];
    }),
  );
}

/** A package that no registry has may be one of this checkout. */
function withAdvice(error: unknown, unbuilt: readonly string[]): unknown {
  if (!(error instanceof InstallError)) return error;
  const message = `${error.message}; in this checkout ${unbuilt.join(', ')} is not built: npm run build`;
  return new InstallError(error.code, message, { cause: error });
}

/** A regular file, and none that became another kind meanwhile. */
async function copyTarball(from: string, to: string): Promise<void> {
  const signal = AbortSignal.timeout(COPY_TIMEOUT_MS);
  try {
    // A pipe would else be waited for before anyone can see that it is one.
    await using file = await open(from, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) throw new Error('it is not a regular file');
    await pipeline(file.createReadStream({ autoClose: false }), createWriteStream(to, { mode: 0o600 }), { signal });
  } catch (error) {
    const { code, name, message } = error as NodeJS.ErrnoException;
    const why = name === 'AbortError' ? `it took more than ${COPY_TIMEOUT_MS / 1_000} s` : (code ?? message);
    throw new InstallError('SPEC_INVALID', `"${from.slice(0, 256)}" cannot be read: ${why}`);
  }
}

/** Its scripts did not run, so what they would have built is not there. */
async function assertRunnable(manifest: Manifest): Promise<void> {
  const { package: name, version } = manifest;
  try {
    await findEntryFile(manifest);
  } catch (error) {
    const what = error instanceof Error ? error.message.replace(`${manifest.folder}/`, '') : '';
    throw new InstallError(
      'NOT_AN_ADAPTER',
      `${name}@${version} has no code where its manifest says (${what}); no install scripts are run: it must be published built`,
      { cause: error },
    );
  }
}

async function readJson(path: string, name: string): Promise<unknown> {
  return readPackageJson(path).catch((error: unknown) => {
    if (!(error instanceof ManifestError)) throw error;
    const what = error.message.replace(path, 'its package.json');
    throw new InstallError('NOT_AN_ADAPTER', `${name} cannot run here: ${what}`, { cause: error });
  });
}
