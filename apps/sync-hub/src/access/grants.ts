import type { Role } from './permissions.ts';

/**
 * What narrows a role. Undefined narrows nothing; an empty list lets nothing through. A pattern is a text, or the
 * beginning of one with `*` at its end.
 */
export interface Grants {
  /** Patterns of types of events. */
  readonly types?: readonly string[] | undefined;
  /** Patterns of sources of events; an event without a source gets the first that has no `*`. */
  readonly sources?: readonly string[] | undefined;
  /** Patterns of keys of events. */
  readonly keys?: readonly string[] | undefined;
  /** Ids of adapters. */
  readonly adapters?: readonly string[] | undefined;
  /** For a publisher: acks carry receipts and error messages. */
  readonly ackDetails?: boolean | undefined;
}

/** The grants of a principal by its role: a publisher to whom no source is granted has its own name as the only one. */
export function ofPublisher(role: Role, name: string, grants: Grants): Grants {
  return role === 'publisher' && grants.sources === undefined ? { ...grants, sources: [name] } : grants;
}

/** Whether a text matches one of the patterns. */
export function matches(patterns: readonly string[] | undefined, text: string): boolean {
  return (
    patterns === undefined ||
    patterns.some((pattern) => (pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern))
  );
}

/** Of what a request names, what is granted; nothing named is all that is granted. Undefined: everything. */
export function narrowed(
  named: readonly string[],
  granted: readonly string[] | undefined,
): readonly string[] | undefined {
  if (granted === undefined) return named.length === 0 ? undefined : named;
  return named.length === 0 ? granted : named.filter((name) => granted.includes(name));
}
