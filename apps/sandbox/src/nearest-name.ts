import { closest, distance } from 'fastest-levenshtein';

/**
 * The suggestion for someone who wrote `written` where one of `names` was meant: the nearest name when it is near enough to
 * be a slip, the whole list otherwise.
 */
export function suggestName(written: string, names: readonly string[]): string {
  // A longer word than this is no slip of the pen, and measuring it would cost the square of its length.
  const word = written.slice(0, 64).toLowerCase();
  const byLowerCase = new Map(names.map((name) => [name.toLowerCase(), name]));
  const nearest = closest(word, [...byLowerCase.keys()]);
  // Up to a third of the letters may be wrong; more is another word.
  if (distance(word, nearest) <= Math.max(2, word.length / 3)) return `did you mean ${byLowerCase.get(nearest)}?`;
  return `it is one of ${names.join(', ')}`;
}
