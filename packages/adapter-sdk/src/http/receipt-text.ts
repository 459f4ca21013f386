import type { HttpAnswer } from './answer.ts';

/**
 * The body of an answer as text, in the charset that it names. Bytes that are no text are not made to look like some: a
 * receipt is kept, and shown to people.
 */
export function receiptText({ headers, body }: Pick<HttpAnswer, 'headers' | 'body'>): string {
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
