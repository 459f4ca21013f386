import { createHash } from 'node:crypto';
import type { SyncEvent } from '../../core/event.ts';

/** Where the event was on its way differs from one publish to the next; it is not what was said. */
const TRACE_ATTRIBUTES = new Set(['traceparent', 'tracestate']);

/**
 * SHA-256 over what the publisher said: the same id with another hash is another event under a used id.
 *
 * @param timeMs the time as published; undefined when the hub filled it in
 */
export function contentHash(event: SyncEvent, timeMs: number | undefined): Uint8Array {
  const attributes = Object.entries(event.attributes)
    .filter(([name]) => !TRACE_ATTRIBUTES.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const fields = [event.source, event.type, event.key, timeMs ?? null, event.dataContentType, attributes];
  return createHash('sha256').update(JSON.stringify(fields)).update('\0').update(event.data).digest();
}
