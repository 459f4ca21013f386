import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { execNode } from '../exec-node.ts';
import { ExitCode, Failure } from '../failure.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-client.ts';
import { type JsonOptions, jsonOption } from '../json-options.ts';
import { copyProgram, verifyProgram } from '../programs.ts';
import { printable, type Terminal } from '../terminal.ts';

interface VerifyOptions extends JsonOptions {
  dataDir?: string;
}

interface CopyOptions extends JsonOptions {
  from?: string;
  to?: string;
}

interface BackupOptions extends JsonOptions {
  address: string;
}

/** `hms-sync journal`: verify, backup, copy. */
export function addJournalCommand(program: Command, terminal: Terminal): void {
  const journal = program
    .command('journal')
    .description("verify, back up and copy the hub's journal")
    .usage('<verb> [options]')
    .helpGroup('Journal:')
    .commandsGroup('Journal:');
  journal
    .command('verify')
    .description('verify that the journal of a stopped hub is not corrupted')
    .option('--data-dir <folder>', "the hub's data folder (required)")
    .addOption(jsonOption())
    .addHelpText('after', examples('journal verify --data-dir .hms-sync'))
    .action(verify);
  journal
    .command('backup')
    .description('back up the journal and the adapters of a running hub')
    .argument('<name>', 'the name of the new backup, such as 2026-01-31; not a path')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('journal backup 2026-01-31'))
    .action((name: string, options: BackupOptions) => backup(name, options, terminal));
  journal
    .command('copy')
    .description('copy the journal of stopped hubs to PostgreSQL, or back')
    .option('--from <journal>', 'the data folder, or postgres://<user>@<host>/<database>, that is copied (required)')
    .option('--to <journal>', 'the data folder, or postgres://<user>@<host>/<database>, without events (required)')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `${examples(
        'journal copy --from .hms-sync --to postgres://hms_sync@db.clinic.example/hms_sync',
        'journal copy --from postgres://hms_sync@db.clinic.example/hms_sync --to .hms-sync',
      )}
The password of the database comes from PGPASSWORD or PGPASSFILE. A copy that was interrupted is continued by the same command.
`,
    )
    .action(copy);
}

/** Executes the program of the hub's package that reads the files of a journal. */
function verify({ dataDir, json }: VerifyOptions): void {
  if (dataDir === undefined) throw new Failure("--data-dir is missing: set the hub's data folder", ExitCode.usage);
  const args = ['--data-dir', resolve(dataDir), ...(json ? ['--json'] : [])];
  execNode([...process.execArgv, fileURLToPath(verifyProgram()), ...args]);
}

/** Executes the program of the hub's package that copies journals. */
function copy({ from, to, json }: CopyOptions): void {
  const places = { from, to };
  const args = Object.entries(places).flatMap(([name, place]) => {
    if (place === undefined) {
      throw new Failure(
        `--${name} is missing: set a data folder or postgres://<user>@<host>/<database>`,
        ExitCode.usage,
      );
    }
    return [`--${name}`, /^postgres(ql)?:\/\//.test(place) ? place : resolve(place)];
  });
  execNode([...process.execArgv, fileURLToPath(copyProgram()), ...args, ...(json ? ['--json'] : [])]);
}

async function backup(name: string, { address, json }: BackupOptions, { data }: Terminal): Promise<void> {
  const { path, sizeBytes } = await callHub(address, ({ admin }) => admin.backupJournal({ path: name }));
  if (json) data.json({ path, size_bytes: Number(sizeBytes) });
  else
    data.line(
      `${printable(path)}: ${sizeBytes} bytes. To restore it, copy this folder and start a hub with --data-dir <copy>.`,
    );
}
