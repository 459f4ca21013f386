import { parseArgs } from 'node:util';
import { suggestName } from './nearest-name.ts';
import { SandboxError } from './sandbox-error.ts';
import { type SandboxOptions, settingsOf } from './sandbox-options.ts';
import { eachSystem } from './system.ts';

export const USAGE = `hms-sync sandbox: stand-ins for scheduling, records and billing

  --host 127.0.0.1        the address to listen on
  --scheduling-port 0     0: any free port
  --records-port 0
  --billing-port 0
  --control-port 0
  --seed 1                for errorRate and jitterMs: the same seed gives the same errors and delays
  --keep-calls 200000     how many calls are kept
  --json                  print only JSON: the ready line on stdout, an error on stderr
  --help

The environment variables SANDBOX_SCHEDULING_TOKEN, SANDBOX_RECORDS_TOKEN and SANDBOX_BILLING_TOKEN set the bearer tokens
that the systems require. Exit codes: 0 stopped, 1 failed, 2 wrong usage, 3 cannot listen on a port.
`;

const FLAGS = {
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

/** The flag of each option, for error messages. */
const FLAG_OF: Readonly<Record<string, string>> = {
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

/** Adds the nearest valid flag to Node's message about an unknown one. */
function explain(args: string[], cause: unknown): SandboxError {
  const { tokens } = parseArgs({ args, options: FLAGS, strict: false, tokens: true });
  const known = Object.keys(FLAGS).map((name) => `--${name}`);
  for (const token of tokens) {
    if (token.kind === 'option' && !Object.hasOwn(FLAGS, token.name)) {
      return wrongUsage(`there is no flag ${token.rawName}, ${suggestName(token.rawName, known)}`);
    }
  }
  // Some of Node's messages have several lines; the first has the problem.
  const [problem = ''] = cause instanceof Error ? cause.message.split('\n') : [];
  return wrongUsage(problem.replace(/\.$/, ''));
}

function parseFlags(args: string[]) {
  try {
    return parseArgs({ args, options: FLAGS }).values;
  } catch (error) {
    throw explain(args, error);
  }
}

/** The number; NaN, which is outside the bounds of every option, when the text is not one. */
function numberOf(written: string): number {
  return /^\d+$/.test(written) ? Number(written) : Number.NaN;
}

/** `name` with its number; empty when the flag was not given, so that the option's default applies. */
function given<Name extends string>(name: Name, written: string | undefined): Partial<Record<Name, number>> {
  const option: Partial<Record<Name, number>> = {};
  if (written !== undefined) option[name] = numberOf(written);
  return option;
}

/**
 * Reads the options from the command line and the environment, and checks their bounds.
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
      error.problems.map(({ field, description }) => `${FLAG_OF[field] ?? field} ${description}`).join('; '),
    );
  }
  return { options, help: values.help ?? false };
}
