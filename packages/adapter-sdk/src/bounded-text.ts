/**
 * Cuts a text to at most `maxBytes` of UTF-8, never inside a character.
 * A lone surrogate becomes U+FFFD, because protobuf and JSON reject it.
 */
export function cutToBytes(text: string, maxBytes: number): string {
  // A UTF-16 unit has at most three bytes in UTF-8.
  if (text.length * 3 <= maxBytes) return text.toWellFormed();
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read).toWellFormed();
}

/** Cuts a text to at most `maxLength` UTF-16 units, never inside a surrogate pair. */
export function cutToLength(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text.toWellFormed();
  const last = text.charCodeAt(maxLength - 1);
  const endsInsideCharacter = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, endsInsideCharacter ? maxLength - 1 : maxLength).toWellFormed();
}
