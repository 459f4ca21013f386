import { currentContext } from './hub-access.ts';
import { defaultAddress, parseAddress } from './hub-address.ts';
import { printable } from './terminal.ts';

/**
 * A command line to paste into the same shell.
 *
 * @param words the words after `hms-sync`; quoted if the shell requires it
 * @param address the hub's address, added as --address or --context unless it is the default
 */
export function commandLine(words: readonly string[], address?: string): string {
  return [ownCommand(), ...[...words, ...hubWords(address)].map(quoted)].join(' ');
}

/** The flag for an event's source; empty without a source. */
export function sourceFlag(source: string | undefined): readonly string[] {
  return source === undefined || source === '' ? [] : ['--source', source];
}

/** A command in a message of a hub: `hms-sync`, a noun and its verb, if it has one. */
const PROPOSED = /(?<![\w./@-])hms-sync ((?:event|delivery|adapter|job|journal|token|audit|context) [a-z]+|[a-z]+)/g;
/** Commands without --address. */
const WITHOUT_ADDRESS: ReadonlySet<string> = new Set([
  'start',
  'dev',
  'completion',
  'adapter check',
  'journal copy',
  'journal verify',
  'context list',
]);

/**
 * A message of the hub, for the terminal. Commands in it get the prefix and the --address that this command was called with,
 * which the hub does not know.
 */
export function hubText(text: string, address?: string): string {
  const hub = hubWords(address).map(quoted).join(' ');
  return printable(text).replace(PROPOSED, (_found, command: string) => {
    const named = hub !== '' && !WITHOUT_ADDRESS.has(command) ? ` ${hub}` : '';
    return `${ownCommand()} ${command}${named}`;
  });
}

/** This command as it can be called in the shell: with npm and npx, `hms-sync` is not on the PATH. */
export function ownCommand(): string {
  return process.env.npm_lifecycle_event ? 'npx hms-sync' : 'hms-sync';
}

/** The words by which this command found its hub; none where another one finds it without. */
function hubWords(address: string | undefined): readonly string[] {
  if (address === undefined) return [];
  const { context, isTyped = false } = currentContext();
  if (context?.address === address) return isTyped ? ['--context', context.name] : [];
  return address === addressWithoutOption() ? [] : ['--address', address];
}

function addressWithoutOption(): string | undefined {
  const { HMS_SYNC_ADDRESS: fromEnvironment, HMS_SYNC_CONTEXT: context } = process.env;
  // That of the context, which is not this one.
  if (context) return undefined;
  return fromEnvironment ? parseAddress(fromEnvironment) : defaultAddress();
}

function quoted(word: string): string {
  const shown = printable(word);
  return /^[\w@%+=:,./-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", `'\\''`)}'`;
}
