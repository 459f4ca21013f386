import type { AsyncCommand } from 'fast-check';
import type { House } from './house.ts';
import type { Model } from './model.ts';

/** One thing that is done to the house and to its model alike. */
export type Command = AsyncCommand<Model, House>;

type Run = (model: Model, house: House) => Promise<void>;

interface Condition {
  /** Whether it can be done now. Absent: always. */
  readonly when: (model: Readonly<Pick<Model, 'accepted'>>) => boolean;
}

/** @param title its name in a failure */
export function command(title: string, run: Run): Command;
export function command(title: string, condition: Condition, run: Run): Command;
export function command(title: string, ...rest: [Run] | [Condition, Run]): Command {
  const [{ when }, run] = rest.length === 1 ? [{ when: () => true }, rest[0]] : rest;
  return { check: (model) => when(model), run, toString: () => title };
}
