/**
 * A fault that can be put into the hub: one export of a module in src, wrapped as that module is loaded. Mutants prove
 * the simulation: one that does not catch them all is worth nothing. A mutant does not compile once the export that it
 * changes is gone.
 */
export interface Mutant {
  /** What goes wrong, in words. */
  readonly name: string;
  /** In src, without its ending. */
  readonly module: string;
  readonly export: string;
  readonly wrap: (original: never) => unknown;
}

/** @param module in src, without its ending: that of which `Module` is the type */
export function mutate<Module>(module: string) {
  return <Name extends keyof Module & string>(
    name: string,
    exported: Name,
    wrap: (original: Module[Name]) => Module[Name],
  ): Mutant => ({ name, module, export: exported, wrap: wrap as Mutant['wrap'] });
}

/** Replaces one method of a class. */
export function withMethod<
  Instance extends object,
  Class extends { readonly prototype: Instance },
  Name extends keyof Instance & string,
>(
  changed: Class & { readonly prototype: Instance },
  name: Name,
  wrap: (original: Instance[Name]) => ThisType<Instance> & Instance[Name],
): Class {
  const original = Object.getOwnPropertyDescriptor(changed.prototype, name)?.value as Instance[Name] | undefined;
  if (original === undefined) throw new Error(`the mutant changes the method ${name}, which there is not`);
  Object.defineProperty(changed.prototype, name, { value: wrap(original), writable: true, configurable: true });
  return changed;
}
