import { parseArgs } from 'node:util';
import { visibleJson, visibleLines } from '@hms-sync/proto/visible-text';
import { ExitCode, exitBecause } from './exit.ts';
import { FlagError } from './flags.ts';
import { type JournalReport, verifyJournal } from './journal/integrity/verify-journal.ts';
import { JournalError } from './journal/journal-error.ts';

// The program behind `hms-sync journal verify`: reads a journal that no hub has open, and changes nothing in it.

const OPTIONS = { 'data-dir': { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } } as const;

const HELP = `Usage: hms-sync journal verify --data-dir <folder> [--json]

Reads the whole journal of a stopped hub without changing it, and reports whether it is intact.

Exit codes: 0 intact, 1 damaged, 2 wrong flags, 4 no journal that can be verified: none there, in use, another version.
`;

run(process.argv.slice(2));

function run(args: readonly string[]): void {
  try {
    const flags = parseFlags(args);
    if (flags.help === true) return void process.stdout.write(HELP);
    const folder = flags['data-dir'];
    if (folder === undefined || folder === '') throw new FlagError('--data-dir is missing: name the data folder');
    const report = verifyJournal(folder);
    process.stdout.write(
      flags.json === true ? `${visibleJson(JSON.stringify(inJson(report)))}\n` : visibleLines(inWords(report)),
    );
    process.exitCode = report.problems.length === 0 ? ExitCode.OK : ExitCode.FAILED;
  } catch (error) {
    if (!isCorrupted(error)) exitBecause(error);
    process.stderr.write(`hms-sync: ${visibleLines(error.message)}\n`);
    process.exitCode = ExitCode.FAILED;
  }
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new FlagError(`${error instanceof Error ? error.message : String(error)}; see --help`);
  }
}

/** So damaged that it cannot even be opened: with a cause, unlike what is not a journal of this hub. */
function isCorrupted(error: unknown): error is JournalError {
  return error instanceof JournalError && error.code === 'UNREADABLE' && error.cause !== undefined;
}

/** As one JSON object, its names as those of every other command. */
function inJson({ sizeBytes, deadLetters, problems, ...rest }: JournalReport) {
  return { ...rest, size_bytes: sizeBytes, dead_letters: deadLetters, problems };
}

function inWords(report: JournalReport): string {
  const { path, sizeBytes, events, deliveries, unsettled, deadLetters, records, problems } = report;
  const holds = `${events} events, ${deliveries} deliveries (${unsettled} not settled, ${deadLetters} dead letters), ${records} records`;
  const verdict =
    problems.length === 0
      ? ['intact: every page, index and row is as it was written']
      : [
          ...problems.map((problem) => `damaged: ${problem}`),
          'Keep a copy of the file, check the disk, and restore a backup.',
        ];
  return `${[`${path}: ${sizeBytes} bytes, ${holds}`, ...verdict].join('\n')}\n`;
}
