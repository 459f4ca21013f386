import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { visibleJson, visibleText } from '@hms-sync/proto/visible-text';
import { loadConfig } from './config/config.ts';
import { type AdapterToLoad, findConfigured } from './configured-adapters.ts';
import { ExitCode, exitBecause } from './exit.ts';
import { FlagError } from './flags.ts';
import { AdapterStore } from './installs/adapter-store.ts';
import { noticeOf } from './installs/read-installed.ts';
import { ManifestError, type PackageLimits, whyNotGranted } from './runtimes/manifest.ts';

// The program behind `hms-sync adapter check`: what a hub would load, and why. It runs no adapter and changes nothing.

const OPTIONS = {
  config: { type: 'string' },
  'data-dir': { type: 'string' },
  json: { type: 'boolean' },
  jsonl: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

const HELP = `Usage: hms-sync adapter check [--config hms-sync.yaml] [--data-dir <folder>] [--json | --jsonl]

Shows for each adapter which version a hub would load, from where and why, or why it would not. Calls no hub.
--json prints one JSON array, --jsonl one JSON object per line.

Exit codes: 0 all would load, 1 some would not, 2 wrong flags or configuration, 4 the data folder cannot be used.
`;

await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<void> {
  try {
    const flags = parseFlags(args);
    if (flags.help === true) return void process.stdout.write(HELP);
    const file = flags.config ?? 'hms-sync.yaml';
    const config = await loadConfig({ file, env: process.env, flags: { dataDir: flags['data-dir'] } });
    const store = await AdapterStore.open(join(config.dataDir, 'adapters'));
    const { adapterPolicy: limits } = config;
    const found = (await findConfigured(config, store)).map((adapter) => explain(adapter, { file, limits }));
    for (const line of lines(found, flags)) process.stdout.write(`${line}\n`);
    if (found.length === 0) process.stderr.write('hms-sync: no adapters are configured or added\n');
    process.exitCode = found.every(({ loads }) => loads) ? ExitCode.OK : ExitCode.FAILED;
  } catch (error) {
    exitBecause(error);
  }
}

interface Explained {
  readonly id: string;
  readonly package: string;
  readonly loads: boolean;
  /** Empty when none would load, or nobody knows: it runs elsewhere. */
  readonly version: string;
  readonly why: string;
}

function explain(
  { id, named, manifest, stored }: AdapterToLoad,
  { file, limits }: { readonly file: string; readonly limits: PackageLimits },
): Explained {
  const { package: name, range, missing, isAdded, remote } = named;
  const about = { id, package: name };
  if (manifest instanceof ManifestError) return { ...about, loads: false, version: '', why: manifest.message };
  const version = manifest?.version ?? '';
  if (missing.length > 0) return { ...about, loads: false, version, why: missing.join('; ') };
  const notGranted = manifest && whyNotGranted(manifest, limits);
  if (notGranted !== undefined) return { ...about, loads: false, version, why: notGranted };
  if (remote !== undefined) return { ...about, loads: true, version, why: `it runs at ${remote.address}` };
  if (stored === undefined) return { ...about, loads: true, version, why: `found at ${manifest?.folder}` };
  const allowed = isAdded ? 'it was added while the hub ran' : `${file} allows ${range}`;
  const why = noticeOf(stored) || `adapters.lock names it and every file is as it was installed; ${allowed}`;
  return { ...about, loads: true, version, why };
}

function lines(found: readonly Explained[], { json, jsonl }: { json?: boolean; jsonl?: boolean }): readonly string[] {
  if (json === true) return [visibleJson(JSON.stringify(found))];
  return found.map((adapter) => (jsonl === true ? visibleJson(JSON.stringify(adapter)) : visibleText(asText(adapter))));
}

function asText({ id, package: name, loads, version, why }: Explained): string {
  const what = [name, version].filter((part) => part !== '').join('@');
  return `${id}: ${loads ? 'loads' : 'does not load'}${what === '' ? '' : ` ${what}`}: ${why}`;
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new FlagError(`${error instanceof Error ? error.message : String(error)}; see --help`);
  }
}
