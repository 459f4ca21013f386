import { spawn } from 'node:child_process';
import { InstallError } from './install-error.ts';

/** A large tree over a slow line; past that somebody waits for nothing. */
const TIMEOUT_MS = 300_000;
/** Of what npm says, the end is what matters. */
const OUTPUT_MAX_CHARACTERS = 65_536;

/**
 * What npm needs of the hub's environment: programs, its own settings, proxies, certificates. Nothing else: the rest holds
 * the secrets of every adapter.
 */
const PASSED_ON =
  /^(PATH|HOME|NODE_EXTRA_CA_CERTS|NODE_USE_SYSTEM_CA|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy|npm_config_.+)$/i;

/** Set by an npm that started the hub: with them ours would work on that one's package. */
const OF_ANOTHER_NPM = /^npm_config_(local_prefix|workspaces?|prefix|global|dry_run|json)$/i;

/** Nothing but the package itself: no install scripts, no audit, no advertisement. */
const QUIETLY = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--json', '--loglevel=error'];

/** What npm is to do. */
export interface NpmCommand {
  readonly name: 'install' | 'pack' | 'view';
  readonly flags?: readonly string[];
  /** Names, ranges and paths: npm takes none of them for a flag. */
  readonly packages?: readonly string[];
}

/**
 * Any process of the same user can send SIGUSR1, and Node would open its debugger. Not `--disable-sigusr1`: the operator's
 * npm may run on a Node that does not know it, and would not start.
 */
const NO_DEBUGGER = "--import=data:text/javascript,process.on('SIGUSR1',()=>{})";

/** How npm is called; for tests. */
export interface NpmOptions {
  /** `npm` of the PATH by default. */
  readonly command?: string;
  readonly timeoutMs?: number;
}

/**
 * Runs the operator's npm, with its configuration and its cache, in a folder.
 *
 * @returns the end of what it wrote
 * @throws {InstallError} NOT_FOUND when the registry has no such package or version, NPM_FAILED otherwise
 */
export async function runNpm(
  { name, flags = [], packages = [] }: NpmCommand,
  folder: string,
  { command = 'npm', timeoutMs = TIMEOUT_MS }: NpmOptions = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const passedOn = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name) && !OF_ANOTHER_NPM.test(name));
  const env = { ...Object.fromEntries(passedOn), NODE_OPTIONS: NO_DEBUGGER };
  const args = [name, ...flags, ...QUIETLY, '--', ...packages];
  // In a process group of its own: what it started ends with it.
  const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] = (output[stream] + text).slice(-OUTPUT_MAX_CHARACTERS);
    });
  }
  const killAll = () => killGroup(child.pid);
  const timer = setTimeout(() => {
    killAll();
    // Whatever still holds its output is not waited for.
    child.stdout.destroy();
    child.stderr.destroy();
    reject(failed(`npm did not finish within ${timeoutMs / 1_000} s`));
  }, timeoutMs);
  process.once('exit', killAll);
  child.once('error', (cause) => reject(cannotStart(command, cause)));
  child.once('close', (code, signal) => {
    if (code === 0) resolve(output.stdout);
    else if (signal !== null) reject(failed(`npm was ended by ${signal}`));
    else reject(explain(output, code));
  });
  return promise.finally(() => {
    clearTimeout(timer);
    process.off('exit', killAll);
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

function cannotStart(command: string, cause: NodeJS.ErrnoException): InstallError {
  if (cause.code !== 'ENOENT') return failed(`${command} could not be started: ${cause.code}`);
  return failed(`there is no ${command} in the PATH of the hub; install Node's npm there`);
}

function explain({ stdout, stderr }: { stdout: string; stderr: string }, exitCode: number | null): InstallError {
  const { code, summary } = saidAsJson(stdout) ?? saidAsLines(stderr);
  const what = withoutCredentials(summary).trim().replace(/\s+/g, ' ').slice(0, 512);
  if (code === 'E404' || code === 'ETARGET' || code === 'ENOVERSIONS') {
    return new InstallError('NOT_FOUND', `npm found no such package or version: ${what}`);
  }
  if (code === 'EALLOWGIT')
    return new InstallError('NOT_ALLOWED', `${what}: dependencies come from the registry alone`);
  return failed(`npm ended with ${code ?? exitCode}: ${what || 'it did not say why'}`);
}

interface Said {
  readonly code: string | undefined;
  readonly summary: string;
}

function saidAsJson(stdout: string): Said | undefined {
  try {
    const { error } = JSON.parse(stdout) as { error?: { code?: string; summary?: string } };
    return error?.summary === undefined ? undefined : { code: error.code, summary: error.summary };
  } catch {
    // It ended before it came to that.
    return undefined;
  }
}

function saidAsLines(stderr: string): Said {
  const lines = stderr.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, ''));
  const code = lines.find((line) => line.startsWith('code '))?.slice('code '.length);
  return { code, summary: lines.find((line) => line !== '' && !line.startsWith('code ')) ?? '' };
}

/** A registry's address may hold a password. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@\s]+@/g, '//');
}

function failed(message: string): InstallError {
  return new InstallError('NPM_FAILED', message);
}
