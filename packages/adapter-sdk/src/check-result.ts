/** One thing that `check` tried. */
export interface CheckResult {
  /** What was tried: `reach`, `credentials`. */
  readonly name: string;
  /** Whether it went well. */
  readonly ok: boolean;
  /** What was seen and, if it did not go well, what to do: at most 1,024 characters, no secret. */
  readonly message: string;
}
