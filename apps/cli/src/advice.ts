import { defaultAddress, parseAddress } from './hub-address.ts';
import { printable } from './terminal.ts';

/**
 * A command line to paste into the same shell.
 *
 * @param words the words after `hms-sync`; quoted if the shell requires it
 * @param address the hub's address, added as --address unless it is the default
 */
export function commandLine(words: readonly string[], address?: string): string {
  const isNamed = address !== undefined && address !== addressWithoutOption();
  const all = isNamed ? [...words, '--address', address] : words;
  return [ownCommand(), ...all.map(quoted)].join(' ');
}

/** The flag for an event's source; empty without a source. */
export function sourceFlag(source: string | undefined): readonly string[] {
  return source === undefined || source === '' ? [] : ['--source', source];
}

/** A command in a message of a hub: `hms-sync`, a noun and its verb, if it has one. */
const PROPOSED = /(?<![\w./@-])hms-sync ((?:event|delivery|adapter|job|journal|token|audit) [a-z]+|[a-z]+)/g;
/** Commands without --address. */
const WITHOUT_ADDRESS: ReadonlySet<string> = new Set(['start', 'dev', 'completion', 'adapter check', 'journal verify']);

/**
 * A message of the hub, for the terminal. Commands in it get the prefix and the --address that this command was called with,
 * which the hub does not know.
 */
export function hubText(text: string, address?: string): string {
  const isNamed = address !== undefined && address !== addressWithoutOption();
  return printable(text).replace(PROPOSED, (_found, command: string) => {
    const named = isNamed && !WITHOUT_ADDRESS.has(command) ? ` --address ${quoted(address)}` : '';
    return `${ownCommand()} ${command}${named}`;
  });
}

/** This command as it can be called in the shell: with npm and npx, `hms-sync` is not on the PATH. */
export function ownCommand(): string {
  return process.env.npm_lifecycle_event ? 'npx hms-sync' : 'hms-sync';
}

function addressWithoutOption(): string {
  const { HMS_SYNC_ADDRESS: fromEnvironment } = process.env;
  return fromEnvironment ? parseAddress(fromEnvironment) : defaultAddress();
}

function quoted(word: string): string {
  const shown = printable(word);
  return /^[\w@%+=:,./-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", `'\\''`)}'`;
}
