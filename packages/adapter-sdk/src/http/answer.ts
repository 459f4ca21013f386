import { Misconfigured, Permanent, Retryable, Throttled, Unauthorized } from '../adapter-error.ts';
import { http } from './node-http.ts';
import { retryAfterMs } from './retry-after.ts';
import { outcomeOfStatus } from './status-rule.ts';

/** A response of an external system. */
export interface HttpAnswer {
  /** The status, 200 to 599. */
  readonly status: number;
  /** The headers, names in lower case. Without `content-encoding` when {@link body} is decoded. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /**
   * The first 64 KiB of the body. Decoded if the system used gzip, deflate, br or zstd, although `identity` was requested.
   */
  readonly body: Uint8Array;
  /** The origin of the request's URL, such as `https://billing.example`. Not the path, which may contain ids of a payload. */
  readonly origin: string;
}

/**
 * Returns the receipt of a 2xx response, which is its body as text. For any other response, throws the matching error:
 *
 * | response | error |
 * |---|---|
 * | 3xx, 426 | `Misconfigured`: a write, with its credentials, is never redirected |
 * | 401, 403 | `Unauthorized` |
 * | 429; 403, 408 and 503 with `Retry-After` | `Throttled` by `Retry-After`, or for 5 s |
 * | 5xx, and 402, 407, 408, 412, 417, 421, 423, 424, 425, which do not depend on the event | `Retryable` |
 * | other 4xx with `Retry-After` | `Retryable` |
 * | other 4xx | `Permanent` |
 *
 * A `Retry-After` of 0 or of a past date is ignored. The code is `HTTP_` and the status. Messages contain status and origin,
 * never the body, which may repeat the payload.
 */
export function receiptOf(answer: HttpAnswer): string {
  const { status, origin } = answer;
  const code = `HTTP_${status}`;
  const seen = `HTTP ${[status, http.STATUS_CODES[status]].join(' ').trim()} from ${origin}`;
  const waitMs = retryAfterMs(answer.headers['retry-after'], Date.now());
  const outcome = outcomeOfStatus(status, waitMs);
  switch (outcome) {
    case 'delivered':
      return receiptText(answer);
    case 'misconfigured': {
      const where = status === 426 ? '' : `, pointing to ${destination(answer)}: redirects are not followed`;
      throw new Misconfigured(`${seen}${where}; correct the base URL`, { code });
    }
    case 'unauthorized':
      throw new Unauthorized(`${seen}: the credential is rejected; replace it`, { code });
    case 'throttled':
      throw new Throttled(seen, { code, retryAfterMs: waitMs });
    case 'retryable':
      throw new Retryable(seen, { code, retryAfterMs: waitMs });
    case 'permanent':
      throw new Permanent(`${seen}: the event was rejected`, { code });
    default:
      return outcome satisfies never;
  }
}

/** Only the origin: the rest of a Location may contain tokens or ids. */
function destination({ headers, origin }: HttpAnswer): string {
  const location = headers.location;
  if (typeof location !== 'string' || !URL.canParse(location, origin)) return 'nowhere';
  return new URL(location, origin).origin;
}

/**
 * The body of a response as text, in its charset; for bytes that are not text, their number.
 */
function receiptText({ headers, body }: Pick<HttpAnswer, 'headers' | 'body'>): string {
  if (body.byteLength === 0) return '';
  try {
    // stream: drops an incomplete character at the end, where the body may have been cut.
    const text = new TextDecoder(charsetOf(headers['content-type']), { fatal: true }).decode(body, { stream: true });
    if (!text.includes('\0')) return text;
  } catch {
    // Not in its charset, or an unknown charset.
  }
  return `${body.byteLength} bytes that are not text`;
}

function charsetOf(contentType: string | string[] | undefined): string {
  return /;\s*charset="?([\w.:-]+)/i.exec(String(contentType ?? ''))?.[1] ?? 'utf-8';
}
