import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError } from './usage.ts';

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
