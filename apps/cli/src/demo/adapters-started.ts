import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import type { HubClient } from '../client.ts';

/** An adapter has 10 s for its import and 10 s for its connection; who looks at a demo waits for no more than this. */
const LIMIT_MS = 10_000;

/**
 * Resolves when every adapter has been started, well or not, so that the first line about an event is not that it has to
 * wait for one. Resolves after the limit all the same, and when the hub cannot say: the event is kept and delivered later.
 *
 * @throws what ended the call when the signal is aborted
 */
export async function adaptersStarted(client: HubClient, signal: AbortSignal, limitMs = LIMIT_MS): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  try {
    for await (const { health } of client.health.watchHealth({}, { signal: limit })) {
      if (health?.adapters.every(({ state }) => state !== AdapterState.STARTING)) return;
    }
  } catch (error) {
    if (signal.aborted) throw error;
  }
}
