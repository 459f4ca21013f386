import { closest, distance } from 'fastest-levenshtein';

/** The known name that an unknown one was probably meant to be; undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const lowerCase = new Map(known.map((candidate) => [candidate.toLowerCase(), candidate]));
  const nearest = closest(name.toLowerCase(), [...lowerCase.keys()]);
  // Up to a third of the letters may be wrong; more is another word.
  return distance(name.toLowerCase(), nearest) <= Math.max(2, name.length / 3) ? lowerCase.get(nearest) : undefined;
}
