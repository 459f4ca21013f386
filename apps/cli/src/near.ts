import { distance } from 'fastest-levenshtein';

/** A longer word is not a typo, and the distance takes time quadratic in its length. */
const WORD_MAX = 32;

/** Whether a word is meant to be a name: up to a third of the letters may be wrong; more is another word. */
export function isNear(word: string, name: string | undefined): boolean {
  if (name === undefined || word === '' || word.length > WORD_MAX) return false;
  return distance(word.toLowerCase(), name) <= Math.ceil(word.length / 3);
}
