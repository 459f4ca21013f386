import type { Subject } from './target.ts';
import type { VerificationContext } from './verification-context.ts';

/** One check of the testing kit. */
export interface Check {
  /** Its name, for programs and for `--only`, such as `duplicate`. */
  readonly name: string;
  /** What it verifies, as a sentence. */
  readonly title: string;
  /** Why it cannot run for this adapter, as a sentence; undefined when it can. Absent: it always can. */
  blind?(subject: Subject): string | undefined;
  /** Which part of it cannot run for this adapter, as a sentence. Absent: none. */
  partly?(subject: Subject): string | undefined;
  /** Passes by returning. @throws CheckFailure */
  run(context: VerificationContext): Promise<void>;
}
