import { setTimeout as elapse } from 'node:timers/promises';

/** Long past the slowest right answer: a hub that is silent for so long hangs. */
const ANSWER_MS = 10_000;

/**
 * The answer, when it comes in time.
 *
 * @throws Error when it does not
 */
export async function inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
  const timer = new AbortController();
  const silence = elapse(ANSWER_MS, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer within ${ANSWER_MS / 1_000} s`);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    silence.catch(() => undefined);
    timer.abort();
  }
}
