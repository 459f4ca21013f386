import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the value of a `${NAME}` comes from. */
export interface Secrets {
  /** A folder with one file for each name, which takes precedence over the environment. It is read each time. */
  readonly folder: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A file that is larger is no secret. */
const SECRET_MAX_BYTES = 65_536;

/** The value of a name; undefined when there is none, or an empty one: an empty secret is a mistake. */
export function readSecret(name: string, { folder, env }: Secrets): string | undefined {
  const inFile = folder === undefined ? undefined : readSecretFile(join(folder, name));
  return (inFile ?? (Object.hasOwn(env, name) ? env[name] : undefined)) || undefined;
}

/** Whether one of the patterns is for a name; `*` stands for any characters. */
export function isNamedBy(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => new RegExp(`^${pattern.replaceAll(/\*+/g, '.*')}$`).test(name));
}

/** Without the newline that editors put at the end of a file. Undefined for what is no file that can be read. */
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
      ? readFileSync(file, 'utf8').replace(/\r?\n$/, '')
      : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}
