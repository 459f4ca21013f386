import type { AdapterPackage } from './adapter-package.ts';

/**
 * The file of the export that a manifest names as entry, relative to the package: as a hub finds it, by the conditions
 * `node`, `import`, `default` and those that this process was started with.
 *
 * @throws Error when the package exports no such thing.
 */
export function entryFile({ packageJson, manifest }: AdapterPackage): string {
  const entry = typeof manifest.entry === 'string' ? manifest.entry : '.';
  const { exports } = packageJson;
  if (exports === undefined) {
    if (entry !== '.') return entry;
    return typeof packageJson.main === 'string' ? packageJson.main : './index.js';
  }
  const subpaths = isConditions(exports) ? { '.': exports } : exports;
  const chosen = choose(
    Reflect.get(Object(subpaths), entry),
    new Set(['node', 'import', 'default', ...ownConditions()]),
  );
  if (chosen === undefined) throw new Error(`package.json exports no ${entry}, which hmsSync.entry names`);
  return chosen;
}

/** A target, or conditions on one; else it maps subpaths, which all begin with a dot. */
function isConditions(exports: unknown): boolean {
  return typeof exports !== 'object' || exports === null || !Object.keys(exports).some((name) => name.startsWith('.'));
}

function choose(target: unknown, conditions: ReadonlySet<string>): string | undefined {
  if (typeof target === 'string') return target;
  if (Array.isArray(target)) return target.map((one) => choose(one, conditions)).find((file) => file !== undefined);
  if (typeof target !== 'object' || target === null) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    const chosen = conditions.has(condition) ? choose(inner, conditions) : undefined;
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}

function ownConditions(): readonly string[] {
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  return flags.flatMap((flag, index) => {
    if (flag === '--conditions' || flag === '-C') return flags[index + 1] ?? [];
    return flag.startsWith('--conditions=') ? flag.slice('--conditions='.length) : [];
  });
}
