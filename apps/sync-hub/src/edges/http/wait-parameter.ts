import { Refusal } from '../refusal.ts';
import { DEFAULT_WAIT_MS } from '../rpc/sync-service.ts';

/** Proxies give up on a silent request after about a minute. */
const WAIT_MAX_MS = 60_000;

/**
 * How long a request wants to wait for its event to settle: `?wait=5s`, written as the contract writes durations in
 * JSON, 0 to 60 s; 10 s when absent.
 *
 * @throws {Refusal} REQUEST_INVALID
 */
export function waitMsOf(url: string): number {
  const query = url.split('?', 2)[1] ?? '';
  const wait = new URLSearchParams(query).get('wait');
  if (wait === null) return DEFAULT_WAIT_MS;
  const seconds = /^(\d{1,2}(?:\.\d{1,9})?)s$/.exec(wait)?.[1];
  const waitMs = Number(seconds) * 1_000;
  if (waitMs <= WAIT_MAX_MS) return Math.ceil(waitMs);
  const description = `must be 0s to ${WAIT_MAX_MS / 1_000}s, such as 5s`;
  throw new Refusal('REQUEST_INVALID', `wait ${description}`, { fields: [{ field: 'wait', description }] });
}
