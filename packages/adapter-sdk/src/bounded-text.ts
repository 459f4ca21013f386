/**
 * Cuts a text to a number of UTF-8 bytes, never inside a character.
 * A lone surrogate becomes U+FFFD, because protobuf and JSON refuse it.
 */
export function cutToBytes(text: string, maxBytes: number): string {
  // No UTF-16 unit takes more than three bytes, so a short text needs no look.
  if (text.length * 3 <= maxBytes) return text.toWellFormed();
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read).toWellFormed();
}

/** Cuts a text to a number of UTF-16 units, never between the two halves of a character. */
export function cutToLength(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text.toWellFormed();
  const last = text.charCodeAt(maxLength - 1);
  const endsInsideCharacter = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, endsInsideCharacter ? maxLength - 1 : maxLength).toWellFormed();
}
