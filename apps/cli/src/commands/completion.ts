import { Argument, type Command } from 'commander';
import { examples } from '../help.ts';
import type { Terminal } from '../terminal.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** `hms-sync completion`. */
export function addCompletionCommand(program: Command, { data }: Terminal): void {
  program
    .command('completion')
    .helpGroup('The shell:')
    .description('print a completion script for your shell')
    .addArgument(new Argument('<shell>', 'your shell').choices([...SHELLS]))
    .addHelpText(
      'after',
      [
        examples(...SHELLS.map((shell) => `completion ${shell}`)),
        '',
        'To use it:',
        '  bash: eval "$(hms-sync completion bash)"   in ~/.bashrc',
        '  zsh:  eval "$(hms-sync completion zsh)"    in ~/.zshrc, after compinit',
        '  fish: hms-sync completion fish | source    in ~/.config/fish/config.fish',
      ].join('\n'),
    )
    .action((shell: Shell) => data.line(completionScript(shell, program)));
}

/** A node in the tree of commands, and the words that may follow. */
interface Place {
  /** Such as "/adapter/add"; empty: the root. */
  readonly path: string;
  readonly words: readonly string[];
  /** Its options with a fixed set of values. */
  readonly choices: readonly { readonly flag: string; readonly words: readonly string[] }[];
}

/**
 * A script that completes subcommands, options and their values, and file names where none of these match. It does not call
 * this command.
 */
function completionScript(shell: Shell, program: Command): string {
  const places = placesOf(program, '');
  switch (shell) {
    case 'bash':
      return bashScript(places);
    case 'zsh':
      return zshScript(places);
    case 'fish':
      return fishScript(places);
    default:
      return shell satisfies never;
  }
}

function placesOf(command: Command, path: string): Place[] {
  const subcommands = command.commands;
  const options = command.createHelp().visibleOptions(command);
  const flags = options.map((option) => option.long ?? '');
  const choices = options.flatMap(({ long, argChoices }) =>
    long && argChoices ? [{ flag: long, words: argChoices }] : [],
  );
  return [
    { path, words: [...subcommands.map((subcommand) => subcommand.name()), ...flags], choices },
    ...subcommands.flatMap((subcommand) => placesOf(subcommand, `${path}/${subcommand.name()}`)),
  ];
}

/** The pattern of a `case` that matches all nodes, for bash and zsh. */
function walk(places: readonly Place[]): string {
  return places.flatMap(({ path }) => (path === '' ? [] : [path])).join('|');
}

/** The arms of a `case` over "<path> <previous word>", for bash and zsh. */
function arms(places: readonly Place[], assign: (words: string) => string): string[] {
  return places.flatMap(({ path, words, choices }) => [
    ...choices.map((choice) => `    '${path} ${choice.flag}') ${assign(choice.words.join(' '))} ;;`),
    `    '${path} '*) ${assign(words.join(' '))} ;;`,
  ]);
}

function bashScript(places: readonly Place[]): string {
  return [
    '# To use it: eval "$(hms-sync completion bash)"',
    '_hms_sync() {',
    "  local word place='' candidates=''",
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    `    case "$place/$word" in ${walk(places)}) place="$place/$word" ;; esac`,
    '  done',
    `  case "$place \${COMP_WORDS[COMP_CWORD-1]}" in`,
    ...arms(places, (words) => `candidates='${words}'`),
    '  esac',
    `  COMPREPLY=($(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    '}',
    'complete -o default -F _hms_sync hms-sync',
  ].join('\n');
}

function zshScript(places: readonly Place[]): string {
  return [
    '# To use it: eval "$(hms-sync completion zsh)"',
    '_hms_sync() {',
    "  local word place=''",
    '  local -a candidates',
    `  for word in "\${(@)words[2,CURRENT-1]}"; do`,
    `    case "$place/$word" in ${walk(places)}) place="$place/$word" ;; esac`,
    '  done',
    `  case "$place \${words[CURRENT-1]}" in`,
    ...arms(places, (words) => `candidates=(${words})`),
    '  esac',
    '  compadd -- $candidates || _files',
    '}',
    'compdef _hms_sync hms-sync',
  ].join('\n');
}

function fishScript(places: readonly Place[]): string {
  return [
    '# To use it: hms-sync completion fish | source',
    'function __hms_sync_place',
    "  set -l place ''",
    '  set -l words (commandline -opc)',
    '  set -e words[1]',
    '  for word in $words',
    '    switch "$place/$word"',
    `      case ${walk(places).replaceAll('|', ' ')}`,
    '        set place "$place/$word"',
    '    end',
    '  end',
    '  echo "$place"',
    'end',
    ...places.flatMap(({ path, words, choices }) => {
      const here = `complete -c hms-sync -n 'test (__hms_sync_place) = "${path}"'`;
      return [
        `${here} -a '${words.join(' ')}'`,
        ...choices.map((choice) => `${here} -l ${choice.flag.slice(2)} -x -a '${choice.words.join(' ')}'`),
      ];
    }),
  ].join('\n');
}
