import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { visibleJson, visibleLines } from '@hms-sync/proto/visible-text';
import { auditFolder } from './audit/audit-files.ts';
import { readAuditKeys } from './audit/audit-keys.ts';
import { type AuditReport, faultText, verifyAudit } from './audit/verify-audit.ts';
import { ExitCode, exitBecause } from './exit.ts';
import { FolderError } from './files/private-folder.ts';
import { FlagError } from './flags.ts';

// The program behind `hms-sync audit verify --data-dir`: reads an audit log without its hub, and changes nothing in it.

const OPTIONS = {
  'data-dir': { type: 'string' },
  checkpoint: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

const HELP = `Usage: hms-sync audit verify --data-dir <folder> [--checkpoint <text>] [--json]

Reads all of the audit log of a data folder, whether its hub runs or not, changes nothing in it, and reports the first
place where it is not as the hub wrote it.

Exit codes: 0 whole, 1 broken, 2 wrong flags, 4 no audit log that can be verified: none there, or without its key.
`;

await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<void> {
  try {
    const flags = parseFlags(args);
    if (flags.help === true) return void process.stdout.write(HELP);
    const { 'data-dir': dataDir = '', checkpoint = '' } = flags;
    if (dataDir === '') throw new FlagError('--data-dir is missing: name the data folder');
    const folder = auditFolder(resolve(dataDir));
    if (!existsSync(folder)) throw new FolderError(`there is no audit log: ${folder} does not exist`);
    const report = await verifyAudit(folder, readAuditKeys(folder), { checkpoint });
    process.stdout.write(
      flags.json === true ? `${visibleJson(JSON.stringify(inJson(report)))}\n` : visibleLines(inWords(folder, report)),
    );
    process.exitCode = report.fault === undefined ? ExitCode.OK : ExitCode.FAILED;
  } catch (error) {
    exitBecause(error);
  }
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new FlagError(`${error instanceof Error ? error.message : String(error)}; see --help`);
  }
}

/** As `hms-sync audit verify --json` has it of a hub that runs. */
function inJson({ records, end, fault, notes }: AuditReport) {
  return { records, last_seq: end.seq, last_hash: end.hash, fault: fault && faultText(fault), notes };
}

function inWords(folder: string, { records, end, fault, notes }: AuditReport): string {
  const verdict = fault === undefined ? 'whole: every record is as the hub wrote it' : `broken: ${faultText(fault)}`;
  return `${[`${folder}: ${records} records, the last ${end.seq}`, ...notes, verdict].join('\n')}\n`;
}
