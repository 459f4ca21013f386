/** A source in a sentence. */
export function sourceName(source: string): string {
  return source === '' ? 'the empty source' : `the source ${JSON.stringify(source)}`;
}
