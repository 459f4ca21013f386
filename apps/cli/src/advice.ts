import { defaultAddress, parseAddress } from './hub-address.ts';
import { printable } from './terminal.ts';

/**
 * A line of this command that works when it is pasted into the same shell.
 *
 * @param words the rest of the line after `hms-sync`; each is quoted where a shell needs it
 * @param address the hub that is meant; absent: the line names none
 */
export function commandLine(words: readonly string[], address?: string): string {
  const isNamed = address !== undefined && address !== addressWithoutOption();
  const all = isNamed ? [...words, '--address', address] : words;
  return [ownCommand(), ...all.map(quoted)].join(' ');
}

/** The words that name an event's source in a command; none when it has none. */
export function sourceFlag(source: string | undefined): readonly string[] {
  return source === undefined || source === '' ? [] : ['--source', source];
}

/** A command in a sentence of a hub: `hms-sync`, a noun, and its verb where it has one. */
const PROPOSED = /(?<![\w./@-])hms-sync ((?:event|delivery|adapter|job|journal|token|audit) [a-z]+|[a-z]+)/g;
/** These call no hub. */
const WITHOUT_ADDRESS: ReadonlySet<string> = new Set(['start', 'dev', 'completion', 'adapter check', 'journal verify']);

/**
 * A message of the hub for the terminal. The commands in it are written as this one was called, with the address of the
 * hub that was called: a hub does not know by which address it was reached.
 */
export function hubText(text: string, address?: string): string {
  const isNamed = address !== undefined && address !== addressWithoutOption();
  return printable(text).replace(PROPOSED, (_found, command: string) => {
    const named = isNamed && !WITHOUT_ADDRESS.has(command) ? ` --address ${quoted(address)}` : '';
    return `${ownCommand()} ${command}${named}`;
  });
}

/** This command as the shell finds it: npm and npx leave no `hms-sync` on the path. */
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
