import { types } from 'node:util';

/**
 * Handles the rejection of a promise that adapter code returned or threw where none is expected: an unhandled rejection
 * would end the process. Ignores any other value.
 */
export function abandon(value: unknown): void {
  if (types.isPromise(value)) value.catch(() => undefined);
}

/** Does the same for each promise in a list. A sparse list costs only its members, not its length. */
export function abandonAll(values: readonly unknown[]): void {
  for (const value of Object.values(values)) abandon(value);
}
