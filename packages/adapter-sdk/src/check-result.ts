/** One result of `check`. */
export interface CheckResult {
  /** What was checked: `reach`, `credentials`. */
  readonly name: string;
  /** Whether it succeeded. */
  readonly ok: boolean;
  /** What was observed and, on failure, what to do: at most 1,024 characters, no secret. */
  readonly message: string;
}
