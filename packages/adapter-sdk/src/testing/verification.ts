import type { Check } from './check.ts';
import { CheckFailure } from './check-failure.ts';
import { configuration } from './checks/configuration.ts';
import { CHECKS } from './checks.ts';
import { VerificationContext, type VerifyOptions } from './verification-context.ts';

/** The result of a check. */
export type Verdict = {
  /** The name of the check. */
  readonly check: string;
  /** What it verifies. */
  readonly title: string;
} & (
  | { readonly kind: 'passed'; readonly tookMs: number /** Which part could not run. */; readonly note?: string }
  | { readonly kind: 'failed'; readonly tookMs: number /** What was observed, and what to do. */; readonly why: string }
  | { readonly kind: 'not seen'; readonly why: string }
);

/** Runs the checks one after the other and yields each result. Never throws because of the adapter. */
export async function* verify(
  options: VerifyOptions,
  chosen: readonly Check[] = CHECKS,
): AsyncGenerator<Verdict, void, void> {
  let useless: string | undefined;
  for (const check of chosen) {
    const { name, title } = check;
    const blind = useless ?? check.blind?.(options.subject);
    if (blind !== undefined) {
      yield { kind: 'not seen', check: name, title, why: blind };
      continue;
    }
    const begin = performance.now();
    const why = await runCheck(check, options).then(
      () => undefined,
      (error: unknown) => (error instanceof CheckFailure ? error.message : unexpected(error)),
    );
    const tookMs = Math.round(performance.now() - begin);
    // Every other check would fail for the same reason.
    if (why !== undefined && check === configuration) useless = 'the adapter rejected its configuration';
    const note = check.partly?.(options.subject);
    if (why !== undefined) yield { kind: 'failed', check: name, title, tookMs, why };
    else yield { kind: 'passed', check: name, title, tookMs, ...(note !== undefined && { note }) };
  }
}

/** Runs one check with its own stand-in. @throws CheckFailure, or an unexpected error */
export async function runCheck(check: Check, options: VerifyOptions): Promise<void> {
  await using context = await VerificationContext.begin(options);
  await check.run(context);
}

function unexpected(error: unknown): string {
  return error instanceof Error ? error.message : `it threw ${String(error)}`;
}
