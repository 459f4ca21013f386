import type { Redact } from '../outcome.ts';

/** What stands in place of a secret. */
export const REDACTED = '[redacted]';

/** Attempts that still hold an older token have ended after so many new ones. */
const PASSING_MAX = 8;

/** Knows an adapter's secrets and takes them out of texts. It forgets none: one that was replaced yesterday is secret still. */
export interface Redactor {
  /** Learns a secret: a string, or every string in an object or list. */
  learn(secret: unknown): void;
  /** Learns a secret that is replaced every few minutes, such as an access token: the latest few are known. */
  learnPassing(secret: string): void;
  /** Replaces every secret in a text, also as JSON, a URL or base64 writes it. */
  readonly redact: Redact;
}

/** Makes a redactor that knows nothing. */
export function createRedactor(): Redactor {
  const known = new Set<string>();
  let passing: readonly string[] = [];
  let longestFirst: readonly string[] = [];
  // A secret may hold another one; the longer goes first, or its rest would stay.
  const sort = () => {
    longestFirst = [...known, ...passing.flatMap(formsOf)].sort((a, b) => b.length - a.length);
  };
  return {
    learn: (secret) => {
      const before = known.size;
      for (const text of stringsIn(secret)) for (const form of formsOf(text)) known.add(form);
      if (known.size > before) sort();
    },
    learnPassing: (secret) => {
      passing = [secret, ...passing].slice(0, PASSING_MAX);
      sort();
    },
    redact: (text) => longestFirst.reduce((rest, form) => rest.replaceAll(form, REDACTED), text),
  };
}

/** Every string in a value but the empty one: itself, or what lies in its members, however deep. It may hold itself. */
export function stringsIn(value: unknown): readonly string[] {
  const strings: string[] = [];
  const seen = new Set<object>();
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'string' && next !== '') strings.push(next);
    if (typeof next !== 'object' || next === null || seen.has(next)) continue;
    seen.add(next);
    for (const member of Object.values(next)) left.push(member);
  }
  return strings;
}

function formsOf(secret: string): readonly string[] {
  // A schema may trim what it was given, or the other way round.
  const trimmed = secret.trim();
  const forms = [secret, trimmed].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text.toWellFormed()),
    Buffer.from(text).toString('base64'),
  ]);
  return forms.filter((form) => form !== '');
}
