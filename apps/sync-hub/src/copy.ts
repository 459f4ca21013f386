import { parseArgs } from 'node:util';
import { visibleJson, visibleLines } from '@hms-sync/proto/visible-text';
import { ExitCode, exitBecause } from './exit.ts';
import { FlagError } from './flags.ts';
import type { CopySource, CopyTarget } from './journal/copy/copied-tables.ts';
import { type CopyReport, copyJournal } from './journal/copy/copying.ts';
import { openPostgresSource, openPostgresTarget } from './journal/copy/postgres-side.ts';
import { openSqliteSource, openSqliteTarget } from './journal/copy/sqlite-side.ts';
import { CorruptionError } from './journal/journal-error.ts';

// The program behind `hms-sync journal copy`: moves a journal that no hub has open between a data folder and PostgreSQL.

const OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

const HELP = `Usage: hms-sync journal copy --from <journal> --to <journal> [--json]

Copies the journal of stopped hubs, and compares both row by row. One is a data folder, the other an address:
postgres://<user>@<host>:5432/<database>, with ?schema=<name> behind it for another schema than hms_sync. The password comes
from PGPASSWORD or PGPASSFILE.

  --from <journal>   is not changed
  --to <journal>     has no events yet; or is an unfinished copy of the same journal, which is continued
  --json             print the result as one JSON object

No hub opens the copy before it is finished. Cursors, ids of events, dead letters, replay jobs, breakers and pauses stay valid.

Examples:
  hms-sync journal copy --from .hms-sync --to postgres://hms_sync@db.clinic.example/hms_sync
  hms-sync journal copy --from postgres://hms_sync@db.clinic.example/hms_sync --to .hms-sync

Exit codes: 0 copied, and every row is the same; 1 not the same; 2 wrong flags; 4 a journal cannot be used.
`;

const IS_POSTGRES = /^postgres(?:ql)?:\/\//;

await run(process.argv.slice(2)).catch(exitBecause);

async function run(args: readonly string[]): Promise<void> {
  const flags = parseFlags(args);
  if (flags.help === true) return void process.stdout.write(HELP);
  const [fromPlace, toPlace] = [place('from', flags.from), place('to', flags.to)];
  const from = await openSource(fromPlace);
  let to: CopyTarget | undefined;
  try {
    to = await openTarget(toPlace);
    const report = await copyJournal(from, to, (progress) => process.stderr.write(`${progress}\n`));
    print(report, { from, to, isJson: flags.json === true });
    process.exitCode = report.difference === undefined ? ExitCode.OK : ExitCode.FAILED;
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    process.stderr.write(`hms-sync: ${visibleLines(error.message)}\n`);
    process.exitCode = ExitCode.FAILED;
  } finally {
    await to?.close();
    await from.close();
  }
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new FlagError(`${error instanceof Error ? error.message : String(error)}; see --help`);
  }
}

function place(flag: string, value: string | undefined): string {
  if (value === undefined || value === '')
    throw new FlagError(`--${flag} is missing: name a data folder or postgres://...`);
  if (!IS_POSTGRES.test(value)) return value;
  if (!URL.canParse(value)) throw new FlagError(`--${flag}: must be postgres://<user>@<host>:5432/<database>`);
  const { password, searchParams } = new URL(value);
  if (password !== '' || searchParams.has('password')) {
    throw new FlagError(
      `--${flag} holds a password, which others could read there; set PGPASSWORD or PGPASSFILE instead`,
    );
  }
  return value;
}

async function openSource(where: string): Promise<CopySource> {
  return IS_POSTGRES.test(where) ? openPostgresSource(where) : openSqliteSource(where);
}

async function openTarget(where: string): Promise<CopyTarget> {
  return IS_POSTGRES.test(where) ? openPostgresTarget(where) : openSqliteTarget(where);
}

interface Printed {
  readonly from: CopySource;
  readonly to: CopyTarget;
  readonly isJson: boolean;
}

function print({ rows, sha256, difference }: CopyReport, { from, to, isJson }: Printed): void {
  if (isJson) {
    const result = { from: from.location, to: to.location, rows, sha256, difference: difference ?? null };
    process.stdout.write(`${visibleJson(JSON.stringify(result))}\n`);
    return;
  }
  const counts = Object.entries(rows).map(([table, count]) => `${count} ${table}`);
  const verdict =
    difference === undefined
      ? `copied: ${from.location} and ${to.location} hold the same rows (${counts.join(', ')}; SHA-256 ${sha256})`
      : `not the same: ${difference}\n` +
        'The copy is not finished, and no hub opens it. Remove it, verify the journal it was made of, and copy again.';
  process.stdout.write(visibleLines(`${verdict}\n`));
}
