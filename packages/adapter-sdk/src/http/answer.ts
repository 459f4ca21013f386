import { Misconfigured, Permanent, Retryable, Throttled, Unauthorized } from '../adapter-error.ts';
import { http } from './node-http.ts';
import { retryAfterMs } from './retry-after.ts';
import { outcomeOfStatus } from './status-rule.ts';

/** What an external system answered over HTTP. */
export interface HttpAnswer {
  /** The status of the final answer, 200 to 599. */
  readonly status: number;
  /** The headers, names in lower case. Without `content-encoding` when {@link body} is decoded. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /**
   * The first 64 KiB of the body; what came after them is thrown away. Codings that a system used though `identity` was
   * asked for are undone: gzip, deflate, br, zstd.
   */
  readonly body: Uint8Array;
  /** Where it came from, such as `https://billing.example`. Paths are left out: they may hold a payload's ids. */
  readonly origin: string;
}

/**
 * The receipt of a 2xx answer, which is its body as text; any other answer is thrown as the error that it means:
 *
 * | answer | error |
 * |---|---|
 * | 3xx, 426 | `Misconfigured`: a write is never sent on, with its credentials, to wherever an answer points |
 * | 401, 403 | `Unauthorized` |
 * | 429; 403, 408 and 503 with `Retry-After` | `Throttled` by `Retry-After`, or for 5 s |
 * | 5xx, and 402, 407, 408, 412, 417, 421, 423, 424, 425, which say nothing about the event | `Retryable` |
 * | other 4xx with `Retry-After` | `Retryable` |
 * | other 4xx | `Permanent` |
 *
 * A `Retry-After` of 0, or of a time that has passed, asks for nothing. The code is `HTTP_` and the status. Messages contain
 * status and origin, never the body: it may repeat the payload.
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
      throw new Unauthorized(`${seen}: the credential is refused; replace it`, { code });
    case 'throttled':
      throw new Throttled(seen, { code, retryAfterMs: waitMs });
    case 'retryable':
      throw new Retryable(seen, { code, retryAfterMs: waitMs });
    case 'permanent':
      throw new Permanent(`${seen}: the event was refused`, { code });
    default:
      return outcome satisfies never;
  }
}

/** The origin alone: the rest of a Location may hold tokens or ids. */
function destination({ headers, origin }: HttpAnswer): string {
  const location = headers.location;
  if (typeof location !== 'string' || !URL.canParse(location, origin)) return 'nowhere';
  return new URL(location, origin).origin;
}

/**
 * The body of an answer as text, in the charset that it names. Bytes that are no text are not made to look like some: a
 * receipt is kept, and shown to people.
 */
function receiptText({ headers, body }: Pick<HttpAnswer, 'headers' | 'body'>): string {
  if (body.byteLength === 0) return '';
  try {
    // A body may be cut within a character: what is left over at its end is dropped.
    const text = new TextDecoder(charsetOf(headers['content-type']), { fatal: true }).decode(body, { stream: true });
    if (!text.includes('\0')) return text;
  } catch {
    // Not of its charset, or of one that nobody here knows.
  }
  return `${body.byteLength} bytes that are no text`;
}

function charsetOf(contentType: string | string[] | undefined): string {
  return /;\s*charset="?([\w.:-]+)/i.exec(String(contentType ?? ''))?.[1] ?? 'utf-8';
}
