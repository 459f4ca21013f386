import type { Command } from 'commander';
import { commandLine } from './advice.ts';
import { ExitCode, Failure } from './failure.ts';
import { isNear } from './near.ts';
import { printable } from './terminal.ts';

/**
 * Rejects an unknown command and proposes the nearest one: for "pause billing", `adapter pause billing`.
 *
 * @throws Failure with the code usage
 */
export function requireKnownCommand(program: Command, args: readonly string[]): void {
  const firstOption = args.findIndex((arg) => arg.startsWith('-'));
  // Never repeats option values, which may be the payload of an event.
  const words = firstOption === -1 ? args : args.slice(0, firstOption);
  const [noun, verb] = words;
  if (noun === undefined || noun === 'help') return;
  const named = program.commands.find((command) => command.name() === noun);
  if (named !== undefined) {
    const isComplete = named.commands.length === 0 || verb === undefined || verb === 'help';
    if (isComplete || named.commands.some((sub) => sub.name() === verb)) return;
  }
  const unknown = printable(named === undefined ? noun : `${noun} ${verb}`);
  throw new Failure(`unknown command "${unknown}". ${advice(program, words)}`, ExitCode.usage);
}

function advice(program: Command, words: readonly string[]): string {
  const lines = nearestLines(program, words).map((line) => `\`${commandLine(line)}\``);
  if (lines.length > 0) return `Did you mean ${lines.join(' or ')}?`;
  const group = program.commands.find((command) => isNear(words[0] ?? '', command.name()));
  if (group === undefined) return `\`${commandLine(['--help'])}\` lists the commands.`;
  return `"${group.name()}" has ${group.commands.map((sub) => sub.name()).join(', ')}.`;
}

/** The command lines with the nearest known commands; empty when none is near. */
function nearestLines(program: Command, words: readonly string[]): readonly (readonly string[])[] {
  const [first = '', second = ''] = words;
  const paths = program.commands.flatMap((command) =>
    command.commands.length === 0 ? [[command.name()]] : command.commands.map((verb) => [command.name(), verb.name()]),
  );
  const rules: [replaced: number, isMeant: (noun: string, verb: string | undefined) => boolean][] = [
    // pause billing
    [1, (_, verb) => verb === first],
    // events show, adapter puase
    [2, (noun, verb) => isNear(first, noun) && isNear(second, verb)],
    // deliveries, helth
    [1, (noun, verb) => isNear(first, noun) && second === '' && (verb ?? 'list') === 'list'],
    // publsh
    [1, (_, verb) => isNear(first, verb)],
    // acks watch
    [2, (_, verb) => verb === second],
  ];
  for (const [replaced, isMeant] of rules) {
    const found = paths.filter(([noun = '', verb]) => isMeant(noun, verb));
    if (found.length > 0) return found.map((path) => [...path, ...words.slice(replaced)]);
  }
  return [];
}
