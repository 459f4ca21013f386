import type { Subject } from './target.ts';
import type { Trial } from './trial.ts';

/** One thing that the kit looks at. */
export interface Check {
  /** A short word for programs and for `--only`, such as `duplicate`. */
  readonly name: string;
  /** What holds when it passes, as a sentence. */
  readonly title: string;
  /** Whether it can be seen of this adapter from here; a sentence says why not. Absent: always. */
  blind?(subject: Subject): string | undefined;
  /** What of it cannot be seen of this adapter from here, as a sentence. Absent: all of it can. */
  partly?(subject: Subject): string | undefined;
  /** Passes by returning. @throws CheckFailure */
  run(trial: Trial): Promise<void>;
}

/** Why a check did not pass: what was seen, and what its author can do. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
  /** What to do about it. */
  readonly todo: string;

  constructor(what: string, { todo }: { readonly todo: string }) {
    super(`${what}; ${todo}`);
    this.todo = todo;
  }
}

/** @throws CheckFailure unless it holds. */
export function must(holds: boolean, what: string, todo: string): asserts holds {
  if (!holds) throw new CheckFailure(what, { todo });
}
