import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type Context, findContext } from './contexts.ts';
import { ExitCode, Failure } from './failure.ts';

/** With what a command calls its hub, beside the address. */
interface HubAccess {
  readonly context?: Context | undefined;
  /** The context was named by --context, and not by the environment. */
  readonly isTyped?: boolean;
  /** Takes precedence over the token. */
  readonly tokenFile?: string | undefined;
  readonly token?: string | undefined;
  readonly ca?: string | undefined;
}

/** Of the command that runs; undefined outside of one. */
let inUse: HubAccess | undefined;

function fromEnvironment(): HubAccess {
  const { HMS_SYNC_TOKEN_FILE: tokenFile, HMS_SYNC_TOKEN: token, HMS_SYNC_CA: ca } = process.env;
  return { tokenFile, token, ca };
}

/** Gives every command that has an --address the options beside it. A token itself is no option: every process could read it. */
export function addAccessOptions(command: Command): void {
  for (const sub of command.commands) addAccessOptions(sub);
  if (!callsHub(command)) return;
  command
    .addOption(
      new Option(
        '--token-file <file>',
        'file with the token for calling the hub; HMS_SYNC_TOKEN holds the token itself',
      ).env('HMS_SYNC_TOKEN_FILE'),
    )
    .addOption(
      new Option('--ca <file>', "the CA that signed the hub's certificate, in PEM (default: those of Node)").env(
        'HMS_SYNC_CA',
      ),
    )
    .addOption(
      new Option('--context <name>', 'a hub of contexts.yaml: its address, token and CA').env('HMS_SYNC_CONTEXT'),
    );
}

function callsHub(command: Command): boolean {
  return command.options.some(({ long }) => long === '--address');
}

/**
 * Before each command: what it calls its hub with. What was typed takes precedence over a context, and a context over the
 * environment; the token of another hub is never sent to that of a context.
 *
 * @throws Failure
 */
export function useAccessOptions(_program: Command, command: Command): void {
  // Such as `dev`, whose hub is its own.
  if (!callsHub(command)) {
    inUse = {};
    return;
  }
  const isTyped = (option: string) => command.getOptionValueSource(option) === 'cli';
  const typed = command.opts<{ tokenFile?: string; ca?: string; context?: string }>();
  const context = contextOf(command, typed.context, isTyped);
  const { tokenFile, token, ca } = context === undefined ? fromEnvironment() : { ...context, token: undefined };
  inUse = {
    context,
    isTyped: isTyped('context'),
    tokenFile: isTyped('tokenFile') ? typed.tokenFile : tokenFile,
    ca: isTyped('ca') ? typed.ca : ca,
    token,
  };
  if (context !== undefined) command.setOptionValueWithSource('address', context.address, 'config');
}

function contextOf(
  command: Command,
  name: string | undefined,
  isTyped: (option: string) => boolean,
): Context | undefined {
  // Set to nothing, it is not set.
  if (!name) return undefined;
  if (isTyped('address')) {
    // The address of this one call, whatever the environment says.
    if (!isTyped('context')) return undefined;
    throw new Failure('--context and --address each name a hub; leave one out', ExitCode.usage);
  }
  if (!isTyped('context') && command.getOptionValueSource('address') === 'env') {
    throw new Failure('HMS_SYNC_CONTEXT and HMS_SYNC_ADDRESS each name a hub; unset one', ExitCode.usage);
  }
  return findContext(name);
}

/** The context by which the command that runs found its hub. */
export function currentContext(): Pick<HubAccess, 'context' | 'isTyped'> {
  return inUse ?? {};
}

/**
 * The token to call a hub by: of the file that was named, or of HMS_SYNC_TOKEN; undefined without either.
 *
 * @throws Failure for a file that other users can read, or that holds no token
 */
export function currentToken(): string | undefined {
  const { tokenFile, token } = inUse ?? fromEnvironment();
  return tokenFile ? readToken(tokenFile) : token || undefined;
}

/** The only CA to trust, in PEM; undefined: those that Node trusts. @throws Failure */
export function currentCa(): string | undefined {
  const { ca } = inUse ?? fromEnvironment();
  if (!ca) return undefined;
  const text = readFileOf('CA', resolve(ca));
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new Failure(`${resolve(ca)} holds no certificate in PEM`, ExitCode.usage);
}

function readToken(file: string): string {
  const path = resolve(file);
  const text = readFileOf('token', path, ({ mode }) => {
    if (process.platform === 'win32' || (mode & 0o077) === 0) return;
    throw new Failure(
      `${path} is open to other users (mode 0${(mode & 0o777).toString(8)}); run: chmod 600 ${path}`,
      ExitCode.usage,
    );
  }).trim();
  if (!/^[\x21-\x7e]{1,8192}$/.test(text))
    throw new Failure(`${path} holds no token: a token is one line`, ExitCode.usage);
  return text;
}

/** @param check of the file, before it is read */
function readFileOf(what: string, path: string, check: (file: { mode: number }) => void = () => undefined): string {
  try {
    check(statSync(path));
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      `the ${what} file ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`,
      ExitCode.usage,
    );
  }
}
