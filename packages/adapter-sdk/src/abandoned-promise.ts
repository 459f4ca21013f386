import { types } from 'node:util';

/**
 * Listens to a promise that adapter code handed over where none belongs, such as one that it threw. Nobody waits for
 * it, and when it rejected unheard, Node would end the process. Any other value is left alone.
 */
export function abandon(value: unknown): void {
  if (types.isPromise(value)) value.catch(() => undefined);
}
