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
    .description('read all of the journal of a hub that is stopped, and say whether it is whole')
    .option('--data-dir <folder>', "the hub's data folder (required)")
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExit code: 0 whole, 1 damaged, 4 no journal that can be looked at: none there, in use, of another version.',
    )
    .action(verify);
  journal
    .command('backup')
    .description('copy the journal of a running hub to a new file, on the machine of the hub')
    .argument('<file>', 'where the copy goes; a path that is not absolute is meant from here')
    .addOption(addressOption())
    .option('--json', 'print one JSON object')
    .action((file: string, options: BackupOptions) => backup(file, options, terminal));
}

/** Becomes the program of the hub's package that knows the file. */
function verify({ dataDir, json }: VerifyOptions): void {
  if (dataDir === undefined) throw new Failure('--data-dir is missing: name the data folder', ExitCode.usage);
  const args = ['--data-dir', resolve(dataDir), ...(json ? ['--json'] : [])];
  becomeNode([...process.execArgv, fileURLToPath(verifyProgram()), ...args]);
}

async function backup(file: string, options: BackupOptions, { data }: Terminal): Promise<void> {
  const { path, sizeBytes } = await callHub(options.address, ({ admin }) =>
    admin.backupJournal({ path: resolve(file) }),
  );
  if (options.json) data.json({ path, size_bytes: Number(sizeBytes) });
  else
    data.line(
      `${printable(path)}: ${sizeBytes} bytes; in a data folder of its own, named journal.db, a hub starts on it.`,
    );
}
