import { type ParseArgsConfig, parseArgs } from 'node:util';

/** Wrong usage: the message has the problem, and the usage is printed after it. */
export class UsageError extends Error {}

/** What `hms-adapter help` prints. */
export const USAGE = `hms-adapter verify [--target <address>] [--kit <file>] [--only <check>]... [--json]
  Tests the adapter in this folder against a stand-in on 127.0.0.1 that fails on demand. Reads verify.json next to
  package.json.
    --target <address>   test a running adapter instead, in any language: 127.0.0.1:7443, unix:/run/lab/adapter.sock
    --token-env <name>   the environment variable with the token of the target
    --ca, --cert, --key  PEM files, for a target with TLS
    --kit <file>         read this file instead of verify.json
    --only <check>       run only this check; can be repeated
    --json               print each result as one line of JSON

hms-adapter docs [--json] [--out <file>]
  Prints the configuration of the adapter in this folder, as Markdown or as JSON Schema.
    --out <file>         write it to a file
`;

/** Parses the flags of a command. @throws UsageError for an unknown one */
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
