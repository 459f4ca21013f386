import { isDeepStrictEqual } from 'node:util';
import { Lifetime } from './lifetime.ts';

/** An entry of a list in the configuration file, for as long as it is there. */
export interface Listed<Entry, Made> {
  readonly entry: Entry;
  /** Ends when the entry is no longer in the file: what callers opened by it ends with it. */
  readonly lifetime: Lifetime;
  /** What the hub has for it. */
  readonly made: Made;
}

/**
 * Takes the next list of the file. An entry that is in both goes on as it is; one that is in the former alone has ended
 * when this returns.
 *
 * @param make what the hub has for a new entry
 */
export function relist<Entry, Made>(
  former: readonly Listed<Entry, Made>[],
  next: readonly Entry[],
  make: (entry: Entry, lifetime: Lifetime) => Made,
): readonly Listed<Entry, Made>[] {
  const gone = new Set(former);
  const listed = next.map((entry) => {
    const same = [...gone].find((one) => isDeepStrictEqual(one.entry, entry));
    if (same !== undefined) gone.delete(same);
    const lifetime = new Lifetime();
    return same ?? { entry, lifetime, made: make(entry, lifetime) };
  });
  for (const { lifetime } of gone) lifetime.end();
  return listed;
}
