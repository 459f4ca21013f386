import stringWidth from 'fast-string-width';

/** Where a line may break: not between a number and its unit. */
const SPACE = / (?!(?:ms|s|min|h|d|KiB|MiB)\b)/;
/** How far every line but the first of a row goes in. */
const INDENT = 2;

/**
 * Lays rows out in columns that are as wide as their widest cell. Cells may be painted; the last column is not padded.
 * Where that is too wide, the last column, which is the longest by habit, goes below its row; where that is too wide
 * still, each row becomes a few lines of `NAME value`, without what is empty.
 *
 * @param header the columns' names
 * @param rows each with as many cells as the header
 * @param width how many characters a line may have; absent: any number
 * @returns the lines
 */
export function tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string[] {
  const whole = columnLines(header, rows);
  if (fits(whole, width)) return whole;
  const last = header.length - 1;
  const above = columnLines(
    header.slice(0, last),
    rows.map((row) => row.slice(0, last)),
  );
  if (last > 0 && fits(above, width)) {
    const below = rows.map((row) => pairLines([[header[last] ?? '', row[last] ?? '']], width));
    return above.flatMap((line, index) => [line, ...(below[index - 1] ?? [])]);
  }
  return rows.flatMap((row) => {
    const pairs = header.map((name, column): Pair => [name, row[column] ?? '']);
    return [row[0] ?? '', ...pairLines(pairs.slice(1), width)];
  });
}

/** Breaks a text at its spaces; every line but the first goes in. A word that is too long stays whole. */
export function wrappedLines(text: string, width: number, indent = INDENT): string[] {
  const lines: string[] = [];
  for (const word of text.split(SPACE)) {
    const line = lines.at(-1);
    if (line === undefined) lines.push(word);
    else if (visibleLength(line) + 1 + visibleLength(word) <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`${' '.repeat(indent)}${word}`);
  }
  return lines.map((line) => line.trimEnd());
}

/** How many places of a terminal a text takes. */
export function visibleLength(text: string): number {
  return stringWidth(text);
}

type Pair = readonly [name: string, value: string];

function columnLines(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((name, column) =>
    Math.max(visibleLength(name), ...rows.map((row) => visibleLength(row[column] ?? ''))),
  );
  return [header, ...rows].map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - visibleLength(cell)))
      .join('  ')
      .trimEnd(),
  );
}

function fits(lines: readonly string[], width: number): boolean {
  return lines.every((line) => visibleLength(line) <= width);
}

/** As many pairs a line as it holds; one that is longer than a line goes over several. */
function pairLines(pairs: readonly Pair[], width: number): string[] {
  const margin = ' '.repeat(INDENT);
  const lines: string[] = [];
  for (const [name, value] of pairs) {
    if (value === '' || value === '-') continue;
    const pair = `${name} ${value}`.trim();
    const line = lines.at(-1);
    if (line !== undefined && visibleLength(line) + 2 + visibleLength(pair) <= width) {
      lines[lines.length - 1] = `${line}  ${pair}`;
    } else {
      lines.push(...wrappedLines(pair, width - INDENT).map((part) => margin + part));
    }
  }
  return lines;
}
