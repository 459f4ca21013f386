import { Misconfigured, Permanent, Retryable, Throttled, Unauthorized } from '../adapter-error.ts';
import { STATUS_CODES } from './node-http.ts';
import { retryAfterMs } from './retry-after.ts';

/** What an external system answered over HTTP. */
export interface HttpAnswer {
  /** The status of the final answer, 200 to 599. */
  readonly status: number;
  /** The headers, names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The first 64 KiB of the body; what came after them is thrown away. */
  readonly body: Uint8Array;
  /** Where it came from, such as `https://billing.example`. Paths are left out: they may hold a payload's ids. */
  readonly origin: string;
}

/**
 * The receipt of a 2xx answer, which is its body as text; any other answer is thrown as the error that it means.
 *
 * | answer | error |
 * |---|---|
 * | 3xx | `Misconfigured`: a write is never sent on, with its credentials, to wherever an answer points |
 * | 401, 403 | `Unauthorized` |
 * | 429 | `Throttled` by `Retry-After`, or for 5 s |
 * | 408, 503 with `Retry-After` | `Throttled` |
 * | 408 and 5xx otherwise | `Retryable` |
 * | other 4xx | `Permanent` |
 *
 * The code is `HTTP_` and the status. Messages tell status and origin, never the body: it may repeat the payload.
 */
export function receiptOf(answer: HttpAnswer): string {
  const { status, origin } = answer;
  const code = `HTTP_${status}`;
  const seen = `HTTP ${[status, STATUS_CODES[status]].join(' ').trim()} from ${origin}`;
  if (status >= 200 && status < 300) return new TextDecoder().decode(answer.body);
  if (status >= 300 && status < 400) {
    throw new Misconfigured(
      `${seen}, pointing to ${destination(answer)}: redirects are not followed; correct the base URL`,
      {
        code,
      },
    );
  }
  if (status === 401 || status === 403)
    throw new Unauthorized(`${seen}: the credential is refused; replace it`, { code });

  const waitMs = retryAfterMs(answer.headers['retry-after'], Date.now());
  const mayThrottle = status === 408 || status === 503;
  if (status === 429 || (mayThrottle && waitMs !== undefined))
    throw new Throttled(seen, { code, retryAfterMs: waitMs });
  if (status === 408 || status >= 500) throw new Retryable(seen, { code, retryAfterMs: waitMs });
  throw new Permanent(`${seen}: the event was refused`, { code });
}

/** The origin alone: the rest of a Location may hold tokens or ids. */
function destination({ headers, origin }: HttpAnswer): string {
  const location = headers.location;
  if (typeof location !== 'string' || !URL.canParse(location, origin)) return 'nowhere';
  return new URL(location, origin).origin;
}
