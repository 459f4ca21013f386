import { type AdapterHealth, AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import type { HubClient } from '../hub-client.ts';

/** An adapter may take 10 s for its import and 10 s for its connection, and a slow machine some more for its process. */
const LIMIT_MS = 30_000;

/**
 * Waits until every adapter is READY, so that the first line about an event is not that it has to wait for one. Ends
 * sooner when each of them is READY or will not become so by itself, and when the hub does not report its health: the event
 * is kept and delivered later.
 *
 * @returns the adapters that are not READY
 * @throws what ended the call when the signal is aborted
 */
export async function adaptersReady(
  client: HubClient,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<readonly AdapterHealth[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  let adapters: readonly AdapterHealth[] = [];
  try {
    for await (const { health } of client.health.watchHealth({}, { signal: limit })) {
      adapters = health?.adapters ?? [];
      // A hub that has begun may not have its adapters yet.
      if (adapters.length > 0 && adapters.every(({ state }) => state !== AdapterState.STARTING)) break;
    }
  } catch (error) {
    if (signal.aborted) throw error;
  }
  return adapters.filter(({ state }) => state !== AdapterState.READY);
}
