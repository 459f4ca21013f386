import { closest, distance } from 'fastest-levenshtein';

/**
 * A suggestion for an unknown name: the nearest of `names` if it is near enough for a typo, else the whole list.
 */
export function suggestName(written: string, names: readonly string[]): string {
  // A longer word is not a typo, and the distance takes time quadratic in its length.
  const word = written.slice(0, 64).toLowerCase();
  const byLowerCase = new Map(names.map((name) => [name.toLowerCase(), name]));
  const nearest = closest(word, [...byLowerCase.keys()]);
  // Up to a third of the letters may be wrong; more is another word.
  if (distance(word, nearest) <= Math.max(2, word.length / 3)) return `did you mean ${byLowerCase.get(nearest)}?`;
  return `it is one of ${names.join(', ')}`;
}
