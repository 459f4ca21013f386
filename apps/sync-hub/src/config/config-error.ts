import { quotableName } from '@hms-sync/adapter-sdk/host';
import { closest, distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { namesAt } from './config-file.ts';

/** The configuration is wrong. The message says where, what, and what to do; it holds no value of a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

type Issue = z.core.$ZodIssue;

/** Names without anything that a terminal would take for a command. */
const PRINTABLE = /^[\w@/.^~-]{1,128}$/;

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'names with values',
  record: 'names with values',
};

/**
 * What is wrong in a configuration file, a line for each thing: "adapters[1] (billing): retry.maxAttempts: must be at
 * least 1". No value is quoted, for it may be a secret.
 *
 * @param content the file's, for the names of its adapters
 */
export function issueInWords(issue: Issue, content: unknown): string {
  if (issue.code === 'invalid_union') return unionInWords(issue, content);
  if (issue.code !== 'unrecognized_keys') return `${fieldPlace(issue.path, content)}: ${complaint(issue)}`;
  const known = namesAt(issue.path);
  return issue.keys
    .map((key) => {
      const nearest = nearestName(key, known);
      const advice = nearest === undefined ? `; known are ${known.join(', ')}` : `; did you mean ${nearest}?`;
      return `${fieldPlace([...issue.path, key], content)}: unknown key${advice}`;
    })
    .join('\n');
}

/** Of what may be one thing or another: what is wrong within the one that was meant, or all that it may be. */
function unionInWords({ errors, path }: Extract<Issue, { code: 'invalid_union' }>, content: unknown): string {
  const meant = errors.find((issues) =>
    issues.every((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys' || issue.code === 'custom'),
  );
  if (meant === undefined) return `${fieldPlace(path, content)}: ${errors.flat().map(complaint).join(', or ')}`;
  return meant.map((issue) => issueInWords({ ...issue, path: [...path, ...issue.path] }, content)).join('\n');
}

/** The path of an adapter in the configuration file, and what it is called there if it says so: "adapters[1] (billing)". */
export function adapterPlace(index: number, adapter: unknown): string {
  const { id, package: packageName } = (adapter ?? {}) as { readonly id?: unknown; readonly package?: unknown };
  const name = [id, packageName].find((known) => typeof known === 'string' && PRINTABLE.test(known));
  return `adapters[${index}]${name === undefined ? '' : ` (${name})`}`;
}

/** The path of a field: "limits.eventBytes", "adapters[1] (billing): retry.baseMs", "the file". */
function fieldPlace(path: readonly PropertyKey[], content: unknown): string {
  const [top, index, ...rest] = path;
  if (top !== 'adapters' || typeof index !== 'number') return path.map(quotableName).join('.') || 'the file';
  const adapters = (content as { readonly adapters?: readonly unknown[] }).adapters;
  const place = adapterPlace(index, adapters?.[index]);
  return rest.length === 0 ? place : `${place}: ${rest.map(quotableName).join('.')}`;
}

function complaint(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'array' ? `may hold at most ${issue.maximum}` : `must be at most ${issue.maximum}`;
    default:
      // What config-file.ts says in its own words.
      return issue.message;
  }
}

/** The known name that an unknown one was probably meant to be; undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const lowerCase = new Map(known.map((candidate) => [candidate.toLowerCase(), candidate]));
  const nearest = closest(name.toLowerCase(), [...lowerCase.keys()]);
  // Up to a third of the letters may be wrong; more is another word.
  return distance(name.toLowerCase(), nearest) <= Math.max(2, name.length / 3) ? lowerCase.get(nearest) : undefined;
}
