import type { AttemptEnd } from '../core/outcome.ts';
import type { CheckResult, DeliveryAttempt, Runtime, RuntimeStart } from '../runtimes/runtime.ts';

// What a lane calls of a runtime: the port's word is kept even when the runtime does not. What throws or rejects there
// becomes an outcome here, so that one adapter's trouble ends one attempt, and not the hub.

export async function startContained(runtime: Runtime, onChange: (start: RuntimeStart) => void): Promise<RuntimeStart> {
  try {
    return await runtime.start(onChange);
  } catch (error) {
    return { kind: 'failed', reason: sentence('could not be started', error) };
  }
}

export async function checkContained(runtime: Runtime): Promise<readonly CheckResult[]> {
  try {
    return await runtime.check();
  } catch (error) {
    return [{ name: 'check', ok: false, message: sentence('could not be checked', error) }];
  }
}

export async function deliverContained(
  runtime: Pick<Runtime, 'deliver'>,
  attempt: DeliveryAttempt,
  signal: AbortSignal,
): Promise<AttemptEnd> {
  try {
    return await runtime.deliver(attempt, signal);
  } catch (error) {
    const failure = { code: 'RUNTIME_BROKEN', message: sentence('failed where it must not', error) };
    return { kind: 'crashed', failure, suspects: 1 };
  }
}

/** Whatever it throws, nothing is delivered to it any more, and the hub continues to stop. */
export async function closeContained(runtime: Runtime): Promise<void> {
  await Promise.allSettled([Promise.try(() => runtime.close())]);
}

/** Names the kind of error and no more: its message is adapter code's own and may hold a payload or a secret. */
function sentence(what: string, error: unknown): string {
  return `the adapter's runtime ${what} (${error instanceof Error ? error.name : typeof error})`;
}
