import { stripVTControlCharacters } from 'node:util';

/**
 * Lays rows out in columns that are as wide as their widest cell. Cells may be painted; the last column is not padded.
 *
 * @param header the columns' names
 * @param rows each with as many cells as the header
 * @returns the lines, the header first
 */
export function tableLines(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
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

function visibleLength(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
