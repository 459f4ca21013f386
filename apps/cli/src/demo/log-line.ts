import { printable } from '../terminal.ts';

// pino's numbers for its levels.
const LEVEL_NAMES: Record<number, string> = { 40: 'warn', 50: 'error', 60: 'fatal' };
const WARN_LEVEL = 40;
const LEVEL_NUMBERS: Record<string, number> = { warn: 40, error: 50, fatal: 60 };

/** Members of a log line that the demo does not show. */
const UNSHOWN = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'v']);

/**
 * Formats a line of a child's log for the terminal: the level, the message, then the other members as name=value.
 *
 * @param line one line of JSON of pino, or any other text
 * @returns undefined when the line's level is below warning
 */
export function readableLogLine(line: string): string | undefined {
  const entry = parseEntry(line);
  // A stack trace keeps its indentation.
  if (entry === undefined) return `${/^ */.exec(line)?.[0] ?? ''}${printable(line)}`;
  const level = typeof entry.level === 'number' ? entry.level : (LEVEL_NUMBERS[String(entry.level)] ?? 0);
  if (level < WARN_LEVEL) return undefined;
  const members = Object.entries(entry)
    .filter(([name]) => !UNSHOWN.has(name))
    .map(([name, value]) => `${name}=${valueText(value)}`);
  return printable([`${LEVEL_NAMES[level] ?? 'error'}:`, String(entry.msg ?? ''), ...members].join(' '));
}

function valueText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  // A logged error, without its stack.
  return 'message' in value ? String(value.message) : JSON.stringify(value);
}

function parseEntry(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    // Cut off by a crash: printed unchanged.
    return undefined;
  }
}
