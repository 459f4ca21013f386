/** A name as people give one to a field: letters, digits and the punctuation of package names and paths. */
const PLAIN = /^[\w@/.^~$-]{1,64}$/;

/**
 * A name from a configuration as a message may quote it. A slip of the pen makes a name of what was meant as a value (in
 * YAML `? adapters:` takes the whole block below it), so one that is long or is not plainly a name is described by its
 * length.
 */
export function quotableName(name: PropertyKey): string {
  const text = String(name);
  return PLAIN.test(text) ? text : `<${text.length} characters>`;
}
