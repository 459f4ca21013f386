import { types } from 'node:util';
import { nameOf, peek } from './outcome-of.ts';

/**
 * Describes what a module threw while it was imported: the original message and the place. It cannot contain a payload,
 * because there is no event yet. Never throws.
 */
export function importFailure(thrown: unknown): string {
  const message = types.isNativeError(thrown) ? peek(thrown, 'message') : undefined;
  if (typeof message !== 'string') return `it threw ${nameOf(thrown)}`;
  const place = placeOf(peek(thrown, 'stack'));
  return `${nameOf(thrown)}: ${message}${place === undefined ? '' : ` (${place})`}`;
}

/** For a syntax error the line before the message, else the innermost frame that is not Node's own. */
function placeOf(stack: unknown): string | undefined {
  if (typeof stack !== 'string') return undefined;
  const [first = '', ...frames] = stack.split('\n');
  if (first.startsWith('file:')) return first;
  return frames.find((line) => /^ +at (?!.*\(?node:).+:\d+:\d+\)?$/.test(line))?.trim();
}
