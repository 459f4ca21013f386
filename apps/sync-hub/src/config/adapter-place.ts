/** Names without anything that a terminal would take for a command. */
const PRINTABLE = /^[\w@/.^~-]{1,128}$/;

/** The path of an adapter in the configuration file, and what it is called there if it says so: "adapters[1] (billing)". */
export function adapterPlace(index: number, adapter: unknown): string {
  const { id, package: packageName } = (adapter ?? {}) as { readonly id?: unknown; readonly package?: unknown };
  const name = [id, packageName].find((known) => typeof known === 'string' && PRINTABLE.test(known));
  return `adapters[${index}]${name === undefined ? '' : ` (${name})`}`;
}
