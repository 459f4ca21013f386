/** Often enough to see a blocked process soon; one call of a few hundred bytes is nothing. */
export const HEARTBEAT_MS = 1_000;
/** Collecting garbage of half a gigabyte or parsing three megabytes takes well under a second; five are a loop. */
const MISSED_MAX = 5;

export interface HeartbeatOptions {
  /** Asks for a sign of life; resolves with it, rejects when there is none within the time. */
  readonly beat: (timeoutMs: number) => Promise<void>;
  /** No sign of life for the limit. Called once. */
  readonly onSilent: (silentMs: number) => void;
  readonly intervalMs: number;
}

/**
 * Asks for a sign of life each second. Silence is counted in asks and not in time: a hub that stalled itself, as a
 * laptop does when it is closed, then has missed one and not a hundred.
 *
 * @returns ends it
 */
export function startHeartbeat({ beat, onSilent, intervalMs }: HeartbeatOptions): () => void {
  let missed = 0;
  let asking = false;
  const timer = setInterval(() => {
    if (asking) missed += 1;
    if (missed >= MISSED_MAX) {
      clearInterval(timer);
      onSilent(missed * intervalMs);
      return;
    }
    if (asking) return;
    asking = true;
    beat(intervalMs * MISSED_MAX * 2).then(
      () => {
        asking = false;
        missed = 0;
      },
      // Whatever broke, there was no answer: the next tick asks again.
      () => {
        asking = false;
        missed += 1;
      },
    );
  }, intervalMs);
  return () => clearInterval(timer);
}
