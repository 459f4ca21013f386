/**
 * The delay of a `Retry-After` header (RFC 9110, 10.2.3), in milliseconds from now.
 *
 * @param header seconds or an HTTP date; of a repeated header, the first value counts.
 * @param nowMs the wall clock, in milliseconds since 1970.
 * @returns undefined when there is no delay: no header, an invalid one, 0, or a past date.
 */
export function retryAfterMs(header: string | readonly string[] | undefined, nowMs: number): number | undefined {
  const value = (typeof header === 'string' ? header : header?.[0])?.trim() ?? '';
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1000 : (httpDateMs(value, nowMs) ?? nowMs) - nowMs;
  return waitMs > 0 ? waitMs : undefined;
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** IMF-fixdate and RFC 850: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`. */
const usual =
  /^[A-Z][a-z]{2,8}, (?<day>\d\d?)[ -](?<month>[A-Z][a-z]{2})[ -](?<year>\d{4}|\d\d) (?<time>[\d:]{8})(?: (?<zone>GMT|UTC|[+-]\d{4}))?$/;
/** The format of C's asctime: `Sun Nov  6 08:49:37 1994`. */
const asctime =
  /^[A-Z][a-z]{2,8} (?<month>[A-Z][a-z]{2}) +(?<day>\d\d?) (?<time>[\d:]{8}) (?<year>\d{4})(?: (?<zone>GMT|UTC))?$/;

/**
 * The time of an HTTP date (RFC 9110, 5.6.7), in milliseconds since 1970. All three forms are UTC, with or without a zone.
 * Date.parse would use the local zone for one without a zone, and accepts almost any text.
 *
 * @param nowMs the wall clock: a two-digit year is at most 50 years ahead of it.
 * @returns undefined when it is not an HTTP date.
 */
export function httpDateMs(text: string, nowMs: number): number | undefined {
  const { day, month = '', year = '', time = '', zone } = (usual.exec(text) ?? asctime.exec(text))?.groups ?? {};
  const [, hours, minutes, seconds] = /^(\d\d):(\d\d):(\d\d)$/.exec(time)?.map(Number) ?? [];
  if (hours === undefined || minutes === undefined || seconds === undefined) return undefined;
  const at = [yearOf(year, nowMs), months.indexOf(month), Number(day)] as const;
  // 60 is a leap second.
  const exists = new Date(Date.UTC(...at)).getUTCDate() === at[2] && hours < 24 && minutes < 60 && seconds <= 60;
  if (at[1] < 0 || !exists) return undefined;
  return Date.UTC(...at, hours, minutes, seconds) - offsetMs(zone);
}

function yearOf(digits: string, nowMs: number): number {
  if (digits.length === 4) return Number(digits);
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + Number(digits);
  return year > thisYear + 50 ? year - 100 : year;
}

/** The offset of an e-mail date, `+0100`, which some systems send. */
function offsetMs(zone: string | undefined): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d)(\d\d)$/.exec(zone ?? '') ?? [];
  return (sign === '-' ? -60_000 : 60_000) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0));
}
