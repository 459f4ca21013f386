const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** A quoted string of RFC 9110, 5.6.4, as a whole value. */
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/;

/**
 * What a header of a CloudEvent says, by 3.1.3.2 of its HTTP binding: the quotes that older senders write are taken off
 * first, then percent-encoding is decoded once. Bytes of UTF-8 that were sent as they are count as what they are.
 *
 * @param value as Node hands it over, each byte a character
 * @returns undefined when it is neither a quoted string nor free of quotes, or not UTF-8
 */
export function headerText(value: string): string | undefined {
  try {
    const text = /[\x80-\xff]/.test(value) ? utf8.decode(Buffer.from(value, 'latin1')) : value;
    const quoted = QUOTED.exec(text)?.[1]?.replaceAll(/\\(.)/g, '$1');
    const isQuotedInPart = quoted === undefined && text.includes('"');
    return isQuotedInPart ? undefined : decodeURIComponent(quoted ?? text);
  } catch {
    return undefined;
  }
}
