import type { Redact } from '../outcome.ts';

/** Replaces a secret. */
export const REDACTED = '[redacted]';

/** Attempts with an older token have ended by then. */
const PASSING_MAX = 8;

/** Redacts an adapter's secrets in texts. It also keeps replaced secrets: they may still appear. */
export interface Redactor {
  /** Adds a secret: a string, or every string in an object or list. */
  learn(secret: unknown): void;
  /** Adds a secret that is replaced every few minutes, such as an access token. Only the newest few are kept. */
  learnPassing(secret: string): void;
  /** Replaces every secret in a text, also when it is escaped as in JSON or a URL, or in base64. */
  readonly redact: Redact;
}

/** Creates a redactor without secrets. */
export function createRedactor(): Redactor {
  const known = new Set<string>();
  let passing: readonly string[] = [];
  let longestFirst: readonly string[] = [];
  // Longest first: a secret may contain another one.
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

/** Every non-empty string in a value or, at any depth, in its members. The value may be circular. */
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
  // A schema may trim the value.
  const trimmed = secret.trim();
  const forms = [secret, trimmed].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text.toWellFormed()),
    Buffer.from(text).toString('base64'),
  ]);
  return forms.filter((form) => form !== '');
}
