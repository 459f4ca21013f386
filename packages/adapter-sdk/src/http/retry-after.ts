import { httpDateMs } from './http-date.ts';

/**
 * What a `Retry-After` header asks for (RFC 9110, 10.2.3), in milliseconds from now.
 *
 * @param header seconds or an HTTP date; a repeated header counts by its first value.
 * @param nowMs the wall clock, in milliseconds since 1970.
 * @returns undefined when no wait is asked for: there is no header, it is neither, it is 0, or a date that has passed.
 * Nobody can ask for less than the hub waits by itself.
 */
export function retryAfterMs(header: string | readonly string[] | undefined, nowMs: number): number | undefined {
  const value = (typeof header === 'string' ? header : header?.[0])?.trim() ?? '';
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : (httpDateMs(value, nowMs) ?? nowMs) - nowMs;
  return waitMs > 0 ? waitMs : undefined;
}
