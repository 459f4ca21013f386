import { Argument, type Command } from 'commander';
import { completionScript, type Shell, shells } from '../completion.ts';
import type { Terminal } from '../terminal.ts';

export function addCompletionCommand(program: Command, { data }: Terminal): void {
  program
    .command('completion')
    .description('print a script by which a shell completes this command')
    .addArgument(new Argument('<shell>', 'your shell').choices([...shells]))
    .addHelpText(
      'after',
      [
        '',
        'bash: eval "$(hms-sync completion bash)"   in ~/.bashrc',
        'zsh:  eval "$(hms-sync completion zsh)"    in ~/.zshrc, after compinit',
        'fish: hms-sync completion fish | source    in ~/.config/fish/config.fish',
      ].join('\n'),
    )
    .action((shell: Shell) => data.line(completionScript(shell, program)));
}
