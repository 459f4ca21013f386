import { quotableName } from '@hms-sync/adapter-sdk/host';
import { JsonError, NESTING_MAX } from '@hms-sync/proto/json';
import { ConfigError } from './config-error.ts';
import { isNamedBy, readSecret, type Secrets } from './secrets.ts';

/** What a reference in a configuration resolves to, and what could not be resolved. */
export interface Resolved {
  readonly value: unknown;
  /** Each reference without a value, with its path: "token: the environment variable X is not set". */
  readonly missing: readonly string[];
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Replaces `${NAME}` in every string of a configuration by the secret NAME, so that secrets need not be in the file. A
 * name that is not set, or set to nothing, is missing.
 *
 * @param path where the value is, for messages
 * @throws {ConfigError} for a value that contains itself
 */
export function resolveReferences(value: unknown, path: string, secrets: Secrets): Resolved {
  const missing: string[] = [];
  const resolved = replaceReferences(value, path, (name, at) => {
    try {
      const found = readSecret(name, secrets);
      if (found === undefined) missing.push(`${at}: ${howToSet(name, secrets)}`);
      return found ?? '';
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      missing.push(`${at}: the secret ${quotableName(name)} ${error.message}`);
      return '';
    }
  });
  return { value: resolved, missing: Object.freeze(missing) };
}

/**
 * Why a configuration may not be resolved: each `${NAME}` in it that no pattern is for, with its path and what to write.
 * It does not depend on what is set, so that it reveals nothing of it.
 *
 * @throws {ConfigError} for a value that contains itself
 */
export function rejectedReferences(value: unknown, path: string, patterns: readonly string[]): readonly string[] {
  const rejected: string[] = [];
  replaceReferences(value, path, (name, at) => {
    if (!isNamedBy(name, patterns)) rejected.push(`${at}: ${howToAllow(quotableName(name))}`);
    return '';
  });
  return rejected;
}

/** The names that a configuration refers to, in alphabetical order. @throws {ConfigError} for a value that contains itself */
export function referencesIn(value: unknown): readonly string[] {
  const names = new Set<string>();
  replaceReferences(value, 'config', (name) => {
    names.add(name);
    return '';
  });
  return [...names].sort();
}

function howToSet(reference: string, { folder }: Secrets): string {
  const name = quotableName(reference);
  return folder === undefined
    ? `the environment variable ${name} is not set; set it and start the hub again`
    : `there is no file ${name} in ${folder}, and no environment variable of that name; write the file, then restart the adapter`;
}

function howToAllow(name: string): string {
  return `an adapter that is added may not use \${${name}}; to allow it, write adapterPolicy: { secrets: ['${name}'] } in hms-sync.yaml and restart the hub`;
}

function replaceReferences(value: unknown, path: string, lookUp: (name: string, at: string) => string): unknown {
  // A YAML alias may refer to a node that contains it, and that has no end.
  const around = new Set<object>();
  const replace = (part: unknown, at: string): unknown => {
    if (typeof part === 'string') return part.replaceAll(REFERENCE, (_reference, name: string) => lookUp(name, at));
    if (typeof part !== 'object' || part === null) return part;
    if (around.size >= NESTING_MAX) {
      throw new ConfigError(`${path} is nested deeper than ${NESTING_MAX} levels; flatten it`);
    }
    if (around.has(part))
      throw new ConfigError(`${at}: an alias (*name) refers to a node that contains it; write it out`);
    around.add(part);
    const replaced = Array.isArray(part)
      ? part.map((item, index) => replace(item, `${at}.${index}`))
      : Object.fromEntries(
          Object.entries(part).map(([name, item]) => [name, replace(item, `${at}.${quotableName(name)}`)]),
        );
    around.delete(part);
    return replaced;
  };
  return replace(value, path);
}
