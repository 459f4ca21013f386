import { types } from 'node:util';

/**
 * Listens to a promise that adapter code handed over where none belongs, such as one that it threw. Nobody waits for
 * it, and when it rejected unheard, Node would end the process. Any other value is left alone.
 */
export function abandon(value: unknown): void {
  if (types.isPromise(value)) value.catch(() => undefined);
}

/** Listens to each promise in a list, which may be of any length: only what is there is visited, however many holes it has. */
export function abandonAll(values: readonly unknown[]): void {
  for (const value of Object.values(values)) abandon(value);
}
