import { types } from 'node:util';
import { nameOf, peek } from './outcome-of.ts';

/**
 * What a module threw while it was imported, in its author's words and with the place that Node names: there is no event
 * yet whose payload the message could hold. Never throws.
 */
export function importFailure(thrown: unknown): string {
  const message = types.isNativeError(thrown) ? peek(thrown, 'message') : undefined;
  if (typeof message !== 'string') return `it threw ${nameOf(thrown)}`;
  const place = placeOf(peek(thrown, 'stack'));
  return `${nameOf(thrown)}: ${message}${place === undefined ? '' : ` (${place})`}`;
}

/** For code that cannot be parsed the line before the message, else the innermost call that is not Node's own. */
function placeOf(stack: unknown): string | undefined {
  if (typeof stack !== 'string') return undefined;
  const [first = '', ...frames] = stack.split('\n');
  if (first.startsWith('file:')) return first;
  return frames.find((line) => /^ +at (?!.*\(?node:).+:\d+:\d+\)?$/.test(line))?.trim();
}
