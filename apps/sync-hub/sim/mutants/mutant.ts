import type { SimulationName } from '../play.ts';

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
  /** Which one must catch it. */
  readonly simulation: SimulationName;
}

/** @param module in src, without its ending: that of which `Module` is the type */
export function mutate<Module>(module: string, simulation: SimulationName = 'hub') {
  return <Name extends keyof Module & string>(
    name: string,
    exported: Name,
    wrap: (original: Module[Name]) => Module[Name],
  ): Mutant => ({ name, module, export: exported, wrap: wrap as Mutant['wrap'], simulation });
}

/** Replaces one method of a class. @param wrap is given the method of an instance, and the instance */
export function withMethod<
  Instance extends object,
  Class extends { readonly prototype: Instance },
  Name extends keyof Instance & string,
>(
  changed: Class & { readonly prototype: Instance },
  name: Name,
  wrap: (original: Instance[Name], instance: Instance) => Instance[Name],
): Class {
  const original: unknown = Object.getOwnPropertyDescriptor(changed.prototype, name)?.value;
  if (typeof original !== 'function') throw new Error(`the mutant changes the method ${name}, which there is not`);
  function value(this: Instance, ...args: unknown[]): unknown {
    const wrapped = wrap((original as (...args: unknown[]) => unknown).bind(this) as Instance[Name], this);
    return (wrapped as (...args: unknown[]) => unknown)(...args);
  }
  Object.defineProperty(changed.prototype, name, { value, writable: true, configurable: true });
  return changed;
}
