import { parseArgs } from 'node:util';

/** The parsed arguments. */
export interface CommandLine {
  /** As it was typed. */
  readonly name: string;
  /** Undefined: named as the adapter is. */
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
  --dir <folder>        where to; absent: a folder of the adapter's name
  --description <text>  what it sends to which system, in one sentence
  --no-install          do not run npm install
`;

/** @returns undefined when help was asked for. @throws UsageError */
export function readCommandLine(args: readonly string[]): CommandLine | undefined {
  const { values, positionals } = parsed(args);
  if (values.help) return undefined;
  const [name, ...more] = positionals;
  if (name === undefined) throw new UsageError('give the adapter a name, such as lab');
  if (more.length > 0) throw new UsageError(`one name, please: ${JSON.stringify(name)}, and not ${more.join(' ')}`);
  const { dir, description } = values;
  if (dir?.trim() === '') throw new UsageError('--dir: name a folder');
  // It goes into a comment, a table and JSON alike.
  if (description !== undefined && !/^[^\p{Cc}*]{1,200}$/u.test(description)) {
    throw new UsageError('--description: one line of at most 200 characters, without *');
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
