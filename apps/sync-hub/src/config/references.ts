import { quotableName } from '@hms-sync/adapter-sdk/host';
import { ConfigError } from './config-error.ts';

/** What a reference in a configuration resolves to, and what could not be resolved. */
export interface Resolved {
  readonly value: unknown;
  /** Each reference that names nothing, with its path: "token: the environment variable X is not set". */
  readonly missing: readonly string[];
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Replaces `${NAME}` in every string of a configuration by the environment variable NAME, so that secrets need not
 * stand in the file. A name that is not set, or set to nothing, is missing: an empty secret is a mistake.
 *
 * @param path where the value stands, for messages
 * @throws {ConfigError} for a value that lies in itself
 */
export function resolveReferences(
  value: unknown,
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Resolved {
  const missing: string[] = [];
  // A YAML alias may stand for what it lies in, and that has no end.
  const around = new Set<object>();
  const resolve = (part: unknown, at: string): unknown => {
    if (typeof part === 'string') {
      return part.replaceAll(REFERENCE, (_reference, name: string) => {
        const found = Object.hasOwn(env, name) ? env[name] : undefined;
        if (!found) missing.push(`${at}: the environment variable ${name} is not set; set it and start the hub again`);
        return found ?? '';
      });
    }
    if (typeof part !== 'object' || part === null) return part;
    if (around.has(part)) throw new ConfigError(`${at}: an alias (*name) stands for what it lies in; write it out`);
    around.add(part);
    const resolved = Array.isArray(part)
      ? part.map((item, index) => resolve(item, `${at}.${index}`))
      : Object.fromEntries(
          Object.entries(part).map(([name, item]) => [name, resolve(item, `${at}.${quotableName(name)}`)]),
        );
    around.delete(part);
    return resolved;
  };
  return { value: resolve(value, path), missing: Object.freeze(missing) };
}
