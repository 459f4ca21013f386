import type { Lane } from '../lanes/lane.ts';
import type { LockedAdapter, LockedVersion } from './adapters-lock.ts';

/** A version of an adapter as the lock names it; the current one for what is neither of the two. */
export function lockedAs(
  { current, previous }: Pick<LockedAdapter, 'current' | 'previous'>,
  version: string,
): LockedVersion {
  return [current, previous].find((locked) => locked?.version === version) ?? current;
}

/**
 * What a rollback goes back to when another version takes over: the last one that ran well. One that does not run, or
 * crashes in a loop, is kept only where there is nothing better; a rollback from it leaves it behind.
 */
export function lastGood(
  { current, previous }: LockedAdapter,
  { lane, next }: { readonly lane: Lane; readonly next: LockedVersion },
): LockedVersion | undefined {
  const running = lockedAs({ current, previous }, lane.adapter.version);
  if (running.version === next.version) return [previous, current].find((locked) => locked?.version !== next.version);
  if (lane.versions.current.isWell) return running;
  if (previous === undefined) return running;
  return previous.version === next.version ? undefined : previous;
}
