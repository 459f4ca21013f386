/** A usual field name: letters, digits and the punctuation of package names and paths. */
const PLAIN = /^[\w@/.^~$-]{1,64}$/;

/**
 * A field name of a configuration, safe to quote in a message. A typo can turn a value into a name (in YAML, `? adapters:`
 * makes the whole block below it a key), so an unusual name is replaced by its length.
 */
export function quotableName(name: PropertyKey): string {
  const text = String(name);
  return PLAIN.test(text) ? text : `<${text.length} characters>`;
}
