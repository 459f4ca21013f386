/** How many single-letter changes turn one word into the other (Levenshtein's distance). */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (row[column - 1] ?? 0) + (to[column - 1] === letter ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
};

/**
 * What to tell someone who wrote `written` where one of `names` was meant: the nearest name when it is near enough to
 * be a slip (a third of its letters, at least two), the whole list otherwise.
 */
export const suggestName = (written: string, names: readonly string[]): string => {
  // A longer word than this is no slip of the pen, and measuring it would cost the square of its length.
  const word = written.slice(0, 64).toLowerCase();
  const ranked = names
    .map((name) => ({ name, changes: distance(word, name.toLowerCase()) }))
    .sort((one, other) => one.changes - other.changes);
  const nearest = ranked[0];
  if (nearest !== undefined && nearest.changes <= Math.max(2, Math.floor(nearest.name.length / 3))) {
    return `did you mean ${nearest.name}?`;
  }
  return `it is one of ${names.join(', ')}`;
};
