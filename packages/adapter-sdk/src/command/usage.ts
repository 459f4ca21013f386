import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The command was asked wrongly: the message says how, and the usage follows. */
export class UsageError extends Error {}

/** What `hms-adapter help` prints. */
export const USAGE = `hms-adapter verify [--target <address>] [--kit <file>] [--only <check>]... [--json]
  Checks the adapter in this folder, or one that serves hms.adapter.v1 at an address, against a system on 127.0.0.1
  that fails on demand. Reads verify.json beside package.json, or the file of --kit.
    --target <address>   such as 127.0.0.1:7443 or unix:/run/lab/adapter.sock; in any language
    --token-env <name>   the environment variable that holds the token of the target
    --ca, --cert, --key  files in PEM: speak TLS to the target
    --only <check>       this check alone; may be given several times
    --json               a line of JSON for each verdict

hms-adapter docs [--json] [--out <file>]
  The configuration of the adapter in this folder: a page in Markdown, or its JSON Schema.
`;

/** The flags of a command. @throws UsageError for one that there is not. */
export function parseFlags<Options extends NonNullable<ParseArgsConfig['options']>>(
  flags: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...flags], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
