/**
 * What a `Retry-After` header asks for (RFC 9110, 10.2.3), in milliseconds from now.
 *
 * @param header seconds or an HTTP date; a repeated header counts by its first value.
 * @param nowMs the wall clock, in milliseconds since 1970. A date before it asks for 0.
 * @returns undefined when there is no header or it is neither.
 */
export function retryAfterMs(header: string | readonly string[] | undefined, nowMs: number): number | undefined {
  const value = (typeof header === 'string' ? header : header?.[0])?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // Date.parse takes nearly anything for a date ("-5" is May 2001), so only the HTTP forms, which name a weekday, count.
  const at = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(at - nowMs, 0);
}
