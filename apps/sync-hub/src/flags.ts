import { parseArgs } from 'node:util';
import { quotableName } from '@hms-sync/adapter-sdk/host';
import { nearestName } from './config/config-error.ts';

/** What the command line says. */
export interface Flags {
  readonly config: string;
  readonly listen: string | undefined;
  readonly dataDir: string | undefined;
  readonly journal: string | undefined;
  readonly logLevel: string | undefined;
  /** `auth: none` was meant. */
  readonly acceptNoAuthentication: boolean;
  /** Callers without a credential may publish, on loopback. */
  readonly dev: boolean;
  /** The hub, and with it every adapter, may run as root. */
  readonly allowRoot: boolean;
  /** An operator knows that the journal of the data folder is lost. */
  readonly newJournal: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

export class FlagError extends Error {
  override readonly name = 'FlagError';
}

const OPTIONS = {
  config: { type: 'string' },
  listen: { type: 'string' },
  'data-dir': { type: 'string' },
  journal: { type: 'string' },
  'log-level': { type: 'string' },
  'new-journal': { type: 'boolean' },
  'i-accept-no-authentication': { type: 'boolean' },
  dev: { type: 'boolean' },
  'allow-root': { type: 'boolean' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const;

export const HELP = `Usage: hms-sync start [--config hms-sync.yaml] [flags]

Starts the hub and runs it until SIGTERM or Ctrl-C.

  --config <file>        the configuration file (default: hms-sync.yaml)
  --listen <host:port>   takes precedence over the file's listen and HMS_SYNC_LISTEN (default: 127.0.0.1:7003)
  --data-dir <folder>    takes precedence over the file's dataDir and HMS_SYNC_DATA_DIR (default: .hms-sync beside the file)
  --journal <url>        a PostgreSQL that hubs share, postgres://<user>@<host>:5432/<database>, instead of the embedded
                         journal; takes precedence over the file's journal and HMS_SYNC_JOURNAL; the password is not
                         part of it: set PGPASSWORD or PGPASSFILE, or write a secret's name, such as hub:\${NAME}@
  --log-level <level>    trace, debug, info, warn, error, fatal or silent (default: info)
  --new-journal          start with an empty journal in a data folder whose journal was lost
  --dev                  callers without a token may publish, watch acks and read health; on loopback only
  --allow-root           run as root, and every adapter with it, such as in a container that has no other user
  --i-accept-no-authentication
                         with auth: none in the file: every process of this machine is an administrator
  --help, --version

Prints one line of JSON on stdout when it is ready; logs go to stderr.

Examples:
  hms-sync start --config hms-sync.yaml
  hms-sync start --config hms-sync.yaml --listen 127.0.0.1:7010 --data-dir /var/lib/hms-sync

Exit codes: 0 stopped by a signal, 1 failed, 2 wrong flags or configuration, 3 cannot listen, 4 cannot use the data folder.
`;

function isKnown(name: string): name is keyof typeof OPTIONS {
  return Object.hasOwn(OPTIONS, name);
}

/** @throws {FlagError} naming the flag and the nearest right one */
export function parseFlags(args: readonly string[]): Flags {
  const { values, tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  const known = Object.keys(OPTIONS);
  for (const token of tokens) {
    if (token.kind === 'positional') throw new FlagError(`"${quotableName(token.value)}" is not expected; see --help`);
    if (token.kind !== 'option') continue;
    if (!isKnown(token.name)) {
      const nearest = nearestName(token.name, known);
      throw new FlagError(
        `unknown flag ${quotableName(token.rawName)}${nearest === undefined ? '; see --help' : `; did you mean --${nearest}?`}`,
      );
    }
    const takesValue = OPTIONS[token.name].type === 'string';
    if (!takesValue && token.inlineValue) throw new FlagError(`--${token.name} takes no value; see --help`);
    // What looks like the next flag is one: the value was forgotten. One that begins so is written --flag=-value.
    const isForgotten = !token.value || (!token.inlineValue && token.value.startsWith('-'));
    if (takesValue && isForgotten) throw new FlagError(`--${token.name} needs a value; see --help`);
  }
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    config: text(values.config) ?? 'hms-sync.yaml',
    listen: text(values.listen),
    dataDir: text(values['data-dir']),
    journal: text(values.journal),
    logLevel: text(values['log-level']),
    newJournal: values['new-journal'] === true,
    acceptNoAuthentication: values['i-accept-no-authentication'] === true,
    dev: values.dev === true,
    allowRoot: values['allow-root'] === true,
    help: values.help === true,
    version: values.version === true,
  };
}
