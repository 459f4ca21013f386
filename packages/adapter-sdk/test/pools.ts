import { afterEach } from 'vitest';
import { openPool, type PoolOptions, type PostContext } from '../src/http/pool.ts';
import { outcomeOf } from '../src/outcome-of.ts';
import { externalSystem } from './external-system.ts';

/** A signing secret as Standard Webhooks writes it. */
export const signingSecret = `whsec_${Buffer.from('a secret of thirty-two bytes !!!').toString('base64')}`;

const destroys: (() => void)[] = [];
afterEach(() => {
  for (const destroy of destroys.splice(0)) destroy();
});

/** A pool that ends with the test. */
export function poolFor(baseUrl: string, options: PoolOptions = {}) {
  const { pool, destroy } = openPool(baseUrl, options, { userAgent: 'hms-sync test/1.0.0', onToken: () => {} });
  destroys.push(destroy);
  return pool;
}

/** What a push would hand on. */
export const contextOf = (changes: Partial<PostContext> = {}): PostContext => ({
  idempotencyKey: 'event-1/billing',
  traceparent: undefined,
  signal: new AbortController().signal,
  ...changes,
});

/** The outcome of posting `{}`, as the host would report it. */
export async function postOutcome(baseUrl: string, context = contextOf()) {
  try {
    return await poolFor(baseUrl).post('/sync', '{}', context);
  } catch (error) {
    return outcomeOf(error);
  }
}

/** An external system that always answers the same. */
export const answering = (status: number, headers: Record<string, string> = {}, body = 'Ada Byron') =>
  externalSystem((response) => response.writeHead(status, headers).end(body));
