import type { Command } from 'commander';
import { distance } from 'fastest-levenshtein';
import { commandLine } from './advice.ts';
import { ExitCode, Failure } from './failure.ts';
import { printable } from './terminal.ts';

/** A command that was probably meant, and how many of the given words its path takes the place of. */
interface Proposal {
  path: readonly string[];
  replaced: number;
}

/**
 * Rejects a command line that names no command, and proposes the nearest one: "pause billing" is `adapter pause billing`.
 *
 * @throws Failure with the code usage
 */
export function requireKnownCommand(program: Command, args: readonly string[]): void {
  const firstOption = args.findIndex((arg) => arg.startsWith('-'));
  // What follows an option may be the payload of an event: it is never repeated.
  const words = firstOption === -1 ? args : args.slice(0, firstOption);
  const [noun, verb] = words;
  if (noun === undefined || noun === 'help') return;
  const group = subcommand(program, noun);
  if (group !== undefined) {
    const isComplete = group.commands.length === 0 || verb === undefined || verb === 'help';
    if (isComplete || subcommand(group, verb) !== undefined) return;
  }
  const proposals = group === undefined ? nearestCommands(program, words) : nearestVerbs(group, verb ?? '', 2);
  const unknown = group === undefined ? noun : `${noun} ${verb}`;
  throw new Failure(`there is no command "${printable(unknown)}". ${advice(words, proposals, group)}`, ExitCode.usage);
}

function advice(given: readonly string[], proposals: readonly Proposal[], group: Command | undefined): string {
  const lines = proposals.map(({ path, replaced }) => commandLine([...path, ...given.slice(replaced)]));
  if (lines.length > 0) return `Did you mean ${lines.map((line) => `\`${line}\``).join(' or ')}?`;
  if (group === undefined) return `See the commands with \`${commandLine(['--help'])}\`.`;
  return `"${group.name()}" has ${group.commands.map((sub) => sub.name()).join(', ')}.`;
}

/** Of a word that is not a noun: a verb whose noun is missing, a noun by another name, or a slip of the keyboard. */
function nearestCommands(program: Command, [noun = '', verb = '']: readonly string[]): readonly Proposal[] {
  const groups = program.commands.filter(({ commands }) => commands.length > 0);
  const verbsNamed = (word: string, replaced: number): Proposal[] =>
    groups.flatMap((group) => (subcommand(group, word) ? [{ path: [group.name(), word], replaced }] : []));
  const steps: (() => readonly Proposal[])[] = [
    () => verbsNamed(noun, 1),
    () => nearestNoun(program, noun, verb),
    () => groups.flatMap((group) => nearestVerbs(group, noun, 1)),
    () => verbsNamed(verb, 2),
  ];
  return steps.map((step) => step()).find((found) => found.length > 0) ?? [];
}

function nearestNoun(program: Command, word: string, verb: string): readonly Proposal[] {
  const near = nearest(program.commands, word);
  if (near === undefined) return [];
  const verbs = nearestVerbs(near, verb, 2);
  if (verbs.length > 0) return verbs;
  const list = subcommand(near, 'list');
  const path = [near.name(), ...(list ? ['list'] : near.commands.length > 0 ? ['--help'] : [])];
  return [{ path, replaced: 1 }];
}

function nearestVerbs(group: Command, word: string, replaced: number): readonly Proposal[] {
  const near = nearest(group.commands, word);
  return near === undefined ? [] : [{ path: [group.name(), near.name()], replaced }];
}

function nearest(commands: readonly Command[], word: string): Command | undefined {
  // A longer word is not a slip, and measuring it would cost the square of its length.
  if (word.length > 32) return undefined;
  const measured = commands.map((command) => ({ command, off: distance(word.toLowerCase(), command.name()) }));
  const [best] = measured.sort((a, b) => a.off - b.off);
  // Up to a third of the letters may be wrong; more is another word.
  return best !== undefined && best.off <= Math.ceil(word.length / 3) ? best.command : undefined;
}

function subcommand(command: Command, name: string): Command | undefined {
  return command.commands.find((sub) => sub.name() === name);
}
