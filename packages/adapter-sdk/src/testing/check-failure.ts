/** Why a check failed: what was observed, and what the author can do. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
  /** What to do about it. */
  readonly todo: string;

  constructor(what: string, { todo }: { readonly todo: string }) {
    super(`${what}; ${todo}`);
    this.todo = todo;
  }
}

/** @throws CheckFailure unless the condition holds. */
export function must(holds: boolean, what: string, todo: string): asserts holds {
  if (!holds) throw new CheckFailure(what, { todo });
}
