import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { JsonError, readUtf8 } from '@hms-sync/proto/json';

/** Where the value of a `${NAME}` comes from. */
export interface Secrets {
  /** A folder with one file for each name, which takes precedence over the environment. It is read each time. */
  readonly folder: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A file that is larger is not a secret. */
const SECRET_MAX_BYTES = 65_536;

/**
 * The value of a name; undefined when there is none, or an empty one: an empty secret is a mistake.
 *
 * @throws {JsonError} for one that is not text in UTF-8
 */
export function readSecret(name: string, { folder, env }: Secrets): string | undefined {
  const inFile = folder === undefined ? undefined : readSecretFile(join(folder, name));
  return (inFile ?? inEnvironment(name, env)) || undefined;
}

function inEnvironment(name: string, env: Secrets['env']): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  // What Node makes of bytes that are not UTF-8.
  if (value?.includes('\ufffd')) throw new JsonError('not_text', 'is not UTF-8; write it in UTF-8');
  return value;
}

/** Whether one of the patterns is for a name; `*` stands for any characters. */
export function isNamedBy(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => new RegExp(`^${pattern.replaceAll(/\*+/g, '.*')}$`).test(name));
}

/** Without the newline that editors put at the end of a file. Undefined for what is not a file that can be read. */
function readSecretFile(path: string): string | undefined {
  let file: number;
  try {
    // A pipe would else be waited for.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const found = fstatSync(file);
    return found.isFile() && found.size <= SECRET_MAX_BYTES
      ? readUtf8(readFileSync(file)).replace(/\r?\n$/, '')
      : undefined;
  } catch (error) {
    if (error instanceof JsonError) throw error;
    return undefined;
  } finally {
    closeSync(file);
  }
}
