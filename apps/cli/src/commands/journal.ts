import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { becomeNode } from '../become-node.ts';
import { ExitCode, Failure } from '../failure.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
import { verifyProgram } from '../programs.ts';
import { printable, type Terminal } from '../terminal.ts';

interface VerifyOptions {
  dataDir?: string;
  json?: true;
}

interface BackupOptions {
  address: string;
  json?: true;
}

export function addJournalCommand(program: Command, terminal: Terminal): void {
  const journal = program.command('journal').description("the hub's durable record");
  journal
    .command('verify')
    .description('read all of the journal of a hub that is stopped, and report whether it is intact')
    .option('--data-dir <folder>', "the hub's data folder (required)")
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExit code: 0 whole, 1 damaged, 4 no journal that can be looked at: none there, in use, of another version.',
    )
    .action(verify);
  journal
    .command('backup')
    .description('copy the journal and the installed adapters of a running hub, in its folder of backups')
    .argument('<name>', 'of the new backup, such as 2026-01-31; not a path')
    .addOption(addressOption())
    .option('--json', 'print one JSON object')
    .action((name: string, options: BackupOptions) => backup(name, options, terminal));
}

/** Becomes the program of the hub's package that knows the file. */
function verify({ dataDir, json }: VerifyOptions): void {
  if (dataDir === undefined) throw new Failure('--data-dir is missing: name the data folder', ExitCode.usage);
  const args = ['--data-dir', resolve(dataDir), ...(json ? ['--json'] : [])];
  becomeNode([...process.execArgv, fileURLToPath(verifyProgram()), ...args]);
}

async function backup(name: string, options: BackupOptions, { data }: Terminal): Promise<void> {
  const { path, sizeBytes } = await callHub(options.address, ({ admin }) => admin.backupJournal({ path: name }));
  if (options.json) data.json({ path, size_bytes: Number(sizeBytes) });
  else
    data.line(
      `${printable(path)}: ${sizeBytes} bytes. It is a data folder: to restore it, copy it and start a hub with --data-dir <copy>.`,
    );
}
