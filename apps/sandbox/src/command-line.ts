import { parseArgs } from 'node:util';
import { suggestName } from './nearest-name.ts';
import { SandboxError } from './sandbox-error.ts';
import { type SandboxOptions, settingsOf } from './sandbox-options.ts';
import { eachSystem } from './system.ts';

export const usage = `hms-sync sandbox: stand-ins for scheduling, records and billing

  --host 127.0.0.1        where to listen
  --scheduling-port 0     0 lets the operating system choose
  --records-port 0
  --billing-port 0
  --control-port 0
  --seed 1                the same seed draws the same errors
  --keep-calls 200000     calls that are remembered
  --json                  nothing but JSON: the ready line on stdout, an error on stderr
  --help

SANDBOX_SCHEDULING_TOKEN, SANDBOX_RECORDS_TOKEN and SANDBOX_BILLING_TOKEN in the environment are the bearer tokens that
the systems ask for. Exit codes: 0 stopped, 1 failed, 2 wrong usage, 3 a port cannot be listened on.
`;

const flags = {
  host: { type: 'string' },
  'scheduling-port': { type: 'string' },
  'records-port': { type: 'string' },
  'billing-port': { type: 'string' },
  'control-port': { type: 'string' },
  seed: { type: 'string' },
  'keep-calls': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** The flag behind each option, for messages in the words of whoever typed the command. */
const flagOf: Readonly<Record<string, string>> = {
  'ports.scheduling': '--scheduling-port',
  'ports.records': '--records-port',
  'ports.billing': '--billing-port',
  'ports.control': '--control-port',
  seed: '--seed',
  keepCalls: '--keep-calls',
};

export interface CommandLine {
  readonly options: SandboxOptions;
  readonly help: boolean;
}

function wrongUsage(problem: string): SandboxError {
  return new SandboxError('invalid_argument', `${problem}; --help lists the flags`);
}

/** Node says which flag it does not know; this adds the one that was meant. */
function explain(args: string[], cause: unknown): SandboxError {
  const { tokens } = parseArgs({ args, options: flags, strict: false, tokens: true });
  const known = Object.keys(flags).map((name) => `--${name}`);
  for (const token of tokens) {
    if (token.kind === 'option' && !Object.hasOwn(flags, token.name)) {
      return wrongUsage(`there is no flag ${token.rawName}, ${suggestName(token.rawName, known)}`);
    }
  }
  // Node explains some mistakes over several lines, the first of which says what is wrong.
  const [problem = ''] = cause instanceof Error ? cause.message.split('\n') : [];
  return wrongUsage(problem.replace(/\.$/, ''));
}

function parseFlags(args: string[]) {
  try {
    return parseArgs({ args, options: flags }).values;
  } catch (error) {
    throw explain(args, error);
  }
}

/** A number as it was typed; what is none becomes NaN, which no option's bounds admit. */
function numberOf(written: string): number {
  return /^\d+$/.test(written) ? Number(written) : Number.NaN;
}

/** `name` with its number, or nothing when the flag was not given, so that the default stays with the option. */
function given<Name extends string>(name: Name, written: string | undefined): Partial<Record<Name, number>> {
  const option: Partial<Record<Name, number>> = {};
  if (written !== undefined) option[name] = numberOf(written);
  return option;
}

/**
 * What the command line and the environment ask for, within all bounds.
 *
 * @throws SandboxError `invalid_argument` that names the flag
 */
export function readCommandLine(args: string[], environment: NodeJS.ProcessEnv): CommandLine {
  const values = parseFlags(args);
  const tokens = eachSystem((system) => environment[`SANDBOX_${system.toUpperCase()}_TOKEN`]);
  const options: SandboxOptions = {
    ...(values.host === undefined ? {} : { host: values.host }),
    ports: {
      ...given('scheduling', values['scheduling-port']),
      ...given('records', values['records-port']),
      ...given('billing', values['billing-port']),
      ...given('control', values['control-port']),
    },
    tokens: Object.fromEntries(Object.entries(tokens).filter(([, token]) => token !== undefined && token !== '')),
    ...given('seed', values.seed),
    ...given('keepCalls', values['keep-calls']),
  };
  try {
    settingsOf(options);
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    throw wrongUsage(
      error.problems.map(({ field, description }) => `${flagOf[field] ?? field} ${description}`).join('; '),
    );
  }
  return { options, help: values.help ?? false };
}
