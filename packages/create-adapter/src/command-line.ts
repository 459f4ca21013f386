import { parseArgs } from 'node:util';

/** The parsed arguments. */
export interface CommandLine {
  /** As it was typed. */
  readonly name: string;
  /** Undefined: the name of the adapter. */
  readonly dir: string | undefined;
  readonly description: string | undefined;
  readonly install: boolean;
}

/** The command was asked wrongly: the message says how, and the usage follows. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What `--help` prints. */
export const USAGE = `npm create @hms-sync/adapter <name> [-- <flags>]

  <name>                such as lab, or @clinic/lab for the package @clinic/adapter-lab
  --dir <folder>        the new folder (default: the adapter's name)
  --description <text>  what it delivers and where, in one sentence
  --no-install          do not run npm install
`;

/** @returns undefined for --help. @throws UsageError */
export function readCommandLine(args: readonly string[]): CommandLine | undefined {
  const { values, positionals } = parsed(args);
  if (values.help) return undefined;
  const [name, ...more] = positionals;
  if (name === undefined) throw new UsageError('the name of the adapter is missing, such as lab');
  if (more.length > 0) throw new UsageError(`give only one name, not ${[name, ...more].join(' ')}`);
  const { dir, description } = values;
  if (dir?.trim() === '') throw new UsageError('--dir is empty: name a folder');
  // It is written into a comment, a table and JSON.
  if (description !== undefined && !/^[^\p{Cc}*]{1,200}$/u.test(description)) {
    throw new UsageError('--description must be one line of at most 200 characters, without *');
  }
  return { name, dir, description, install: !values['no-install'] };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        dir: { type: 'string' },
        description: { type: 'string' },
        'no-install': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ', 1)[0] ?? '') : String(error));
  }
}
