import type { Subject } from './target.ts';
import type { VerificationContext } from './verification-context.ts';

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
  run(context: VerificationContext): Promise<void>;
}
