import { dirname } from 'node:path';
import { exports as resolveExports } from 'resolve.exports';
import { conditionsFor, fileOfPackage, findEntryFile, type PackageExports } from '../entry-file.ts';
import { findPackage, type Manifest, readPackageJson } from '../manifest.ts';
import { permissionFlags } from './permission-flags.ts';

const SDK = '@hms-sync/adapter-sdk';

/** Of the memory limit; what is left are buffers, code, stacks and the young generation. */
export const HEAP_SHARE = 0.75;

/** Of one half of the young generation. With 2 an adapter with 1,024 deliveries in hand spends half of its time collecting;
 * more than this brought nothing. What an idle one keeps of it, its SDK gives back. */
const YOUNG_MB = 16;

/**
 * What a process needs to find its way: names, time zone, certificates, proxies. Nothing else of the hub's environment:
 * it holds the secrets of every adapter.
 */
const PASSED_ON =
  /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|NODE_EXTRA_CA_CERTS|NODE_USE_SYSTEM_CA|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy|NODE_USE_ENV_PROXY|NODE_COMPILE_CACHE)$/i;

/** How an adapter's process is started. */
export interface LaunchCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface LaunchOptions {
  /** Where it is to listen. */
  readonly socket: string;
  readonly loadTimeoutMs: number;
}

/**
 * Runs the adapter's entry under its own copy of the SDK: which protocol they speak is found out by asking.
 *
 * @throws Error that says what is wrong with the package's exports
 */
export async function launchCommand(manifest: Manifest, options: LaunchOptions): Promise<LaunchCommand> {
  const entry = await findEntryFile(manifest);
  const sdk = (await findSdk(manifest.folder)) ?? (await findSdk(import.meta.dirname));
  if (sdk === undefined) throw new Error(`${SDK} with a program to run it is not installed`);
  const { program, conditions } = sdk;
  return {
    file: process.execPath,
    args: [
      // Else SIGUSR1, which any process of the same user can send, opens Node's debugger.
      '--disable-sigusr1',
      ...conditions.map((condition) => `--conditions=${condition}`),
      `--max-old-space-size=${Math.floor(manifest.memoryMb * HEAP_SHARE)}`,
      `--max-semi-space-size=${YOUNG_MB}`,
      ...(await permissionFlags(manifest, program)),
      program,
      ...['--entry', entry.path],
      ...['--socket', options.socket],
      ...['--id', manifest.id],
      ...['--version', manifest.version],
      ...['--load-timeout-ms', String(options.loadTimeoutMs)],
    ],
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name))),
  };
}

interface Sdk {
  readonly program: string;
  /** The export conditions that it is made for. */
  readonly conditions: readonly string[];
}

/** The SDK as seen from a folder; undefined when there is none (it may be bundled), or one that has no program yet. */
async function findSdk(folder: string): Promise<Sdk | undefined> {
  const path = findPackage(SDK, folder);
  if (path === undefined) return undefined;
  const packageJson = (await readPackageJson(path)) as PackageExports;
  const conditions = await conditionsFor(dirname(path));
  try {
    const [file] = resolveExports(packageJson, './process', { conditions }) ?? [];
    const program = file === undefined ? undefined : await fileOfPackage(dirname(path), file);
    return program === undefined ? undefined : { program, conditions };
  } catch {
    // It throws for an export that is not there.
    return undefined;
  }
}
