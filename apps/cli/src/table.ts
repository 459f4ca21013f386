import stringWidth from 'fast-string-width';

/** A space where a line may break: not between a number and its unit. */
const SPACE = / (?!(?:ms|s|min|h|d|KiB|MiB)\b)/;
/** The indentation of all lines of a row but the first. */
const INDENT = 2;

/**
 * Formats rows as a table. Cells may have colors. If the table is too wide, the last column goes below its row; if it is
 * still too wide, each row becomes lines of `NAME value`, without empty cells.
 *
 * @param header the columns' names
 * @param rows each with as many cells as the header
 * @param width the maximum line length; absent: none
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

/** Wraps a text at spaces; all lines but the first are indented. A word that is too long is not split. */
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

/** The width of a text in a terminal. */
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

/** Fills lines with pairs; a pair that is longer than a line is wrapped. */
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
