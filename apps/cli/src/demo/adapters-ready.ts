import { type AdapterHealth, AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import type { HubClient } from '../hub-client.ts';

/** Longer than the 10 s for an adapter's import and the 10 s for its connection. */
const LIMIT_MS = 30_000;

/**
 * Waits until no adapter is STARTING, so that the first acks of the demo are not HELD. Also ends after the time limit, or
 * when the hub does not report its health.
 *
 * @returns the adapters that are not READY
 * @throws the error of the call when the signal is aborted
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
      // A hub that is starting may not list its adapters yet.
      if (adapters.length > 0 && adapters.every(({ state }) => state !== AdapterState.STARTING)) break;
    }
  } catch (error) {
    if (signal.aborted) throw error;
  }
  return adapters.filter(({ state }) => state !== AdapterState.READY);
}
