/** FNV-1a, by its authors' numbers. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A 32-bit hash of a text, the same in every process: FNV-1a over its UTF-16 code units, then spread, for its low bits
 * depend on the low bits of the letters alone.
 *
 * @returns from 0 to below 2^32
 */
export function textHash(text: string): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  return spread(hash);
}

/** The finalizer of MurmurHash3: each bit of the result depends on each of the input. */
function spread(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
