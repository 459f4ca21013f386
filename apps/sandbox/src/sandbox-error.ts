/**
 * The codes of the sandbox's errors: `error.code` on the control port.
 *
 * - `invalid_argument`: a fault, a query or an option is wrong; `problems` names each field
 * - `not_found`: no such path on the control port, or no such system
 * - `method_not_allowed`: the path does not support the method
 * - `too_large`: the body is over the limit that the message names
 * - `port_unavailable`: cannot listen on an address
 * - `wait_timed_out`: the awaited calls did not arrive in time
 * - `closed`: the sandbox was closed
 * - `internal`: a bug of the sandbox
 */
export type SandboxErrorCode =
  | 'invalid_argument'
  | 'not_found'
  | 'method_not_allowed'
  | 'too_large'
  | 'port_unavailable'
  | 'wait_timed_out'
  | 'closed'
  | 'internal';

/** One wrong field: its path (`match.key`, empty for the whole value) and what is wrong with it. */
export interface FieldProblem {
  readonly field: string;
  readonly description: string;
}

export interface SandboxErrorDetails {
  readonly problems?: readonly FieldProblem[];
  readonly cause?: unknown;
}

/** The error class of the sandbox. The message contains what was wrong, where, and what to do. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  readonly code: SandboxErrorCode;
  readonly problems: readonly FieldProblem[];

  constructor(code: SandboxErrorCode, message: string, details: SandboxErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.problems = details.problems ?? [];
  }

  /** `invalid_argument` for `subject`, with every problem named in the message. */
  static invalid(subject: string, problems: readonly FieldProblem[]): SandboxError {
    const listed = problems.map(({ field, description }) => (field === '' ? description : `${field}: ${description}`));
    return new SandboxError('invalid_argument', `${subject} is wrong: ${listed.join('; ')}`, { problems });
  }
}
