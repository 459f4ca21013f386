import { hash } from 'node:crypto';
import type { AcceptedEvent } from '../core/event.ts';

/**
 * What a receiver recognises a delivery by: the same for every attempt and replay, and another for each event and for
 * each adapter, so that two systems behind one gateway do not take each other's for duplicates. Two sources may have
 * the same id, so a digest of the source is in it. An adapter's id has no uppercase letter and begins with a letter: the
 * key of an event without a source never looks like one with a digest. An event of a version whose keys held none keeps
 * its own: what was attempted before an upgrade is recognised after it.
 */
export function idempotencyKey({ id, source, hasUniqueId }: KeyedEvent, adapter: string): string {
  return source === '' || hasUniqueId === true ? `${id}:${adapter}` : `${id}:${adapter}:${digestOf(source)}`;
}

type KeyedEvent = Pick<AcceptedEvent, 'id' | 'source' | 'hasUniqueId'>;

/** 80 bits, so that nobody finds a source that has the same one as another's. */
const DIGEST_CHARACTERS = 20;
/** Publishers are few, and each is a source or some. */
const KEPT_MAX = 1_024;
const kept = new Map<string, string>();

function digestOf(source: string): string {
  const known = kept.get(source);
  if (known !== undefined) return known;
  const digest = hash('sha256', source, 'hex').slice(0, DIGEST_CHARACTERS).toUpperCase();
  if (kept.size >= KEPT_MAX) kept.clear();
  kept.set(source, digest);
  return digest;
}
