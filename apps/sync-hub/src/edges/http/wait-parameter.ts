import { WAIT_MS } from '../publishing/publishing.ts';
import { wrongField } from '../refusal.ts';

/**
 * How long a request wants to wait for its event to settle: `?wait=5s`, written as the contract writes durations in
 * JSON, 0 to 60 s; 10 s when absent.
 *
 * @throws {Refusal} REQUEST_INVALID
 */
export function waitMsOf(url: string): number {
  const query = url.split('?', 2)[1] ?? '';
  const wait = new URLSearchParams(query).get('wait');
  if (wait === null) return WAIT_MS.usual;
  const seconds = /^(\d{1,2}(?:\.\d{1,9})?)s$/.exec(wait)?.[1];
  const waitMs = Number(seconds) * 1_000;
  if (waitMs <= WAIT_MS.most) return Math.ceil(waitMs);
  throw wrongField('wait', `must be 0s to ${WAIT_MS.most / 1_000}s, such as 5s`);
}
