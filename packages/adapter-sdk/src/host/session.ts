import { isAdapterError } from '../adapter-error.ts';
import type { AdapterLog } from '../adapter-log.ts';
import { cutToLength } from '../bounded-text.ts';
import type { CheckResult } from '../check-result.ts';
import type { AdapterIdentity, PushContext } from '../context.ts';
import type { DefinedAdapter } from '../definition.ts';
import type { DeliveryAttempt } from '../delivery.ts';
import { type AdapterEvent, adapterEvent } from '../event.ts';
import { MESSAGE_MAX_CHARACTERS, type Outcome, type Redact } from '../outcome.ts';
import { nameOf, outcomeOf } from '../outcome-of.ts';
import { createBatcher } from './batcher.ts';
import { batchOutcomes, pushOutcome } from './contract.ts';
import { framesOf } from './stack-frames.ts';
import { withinTime } from './time-bound.ts';

/** For `check` and `close`, which operators wait for. */
const PATIENCE_MS = 10_000;

/** The parts of a session. */
export interface SessionParts {
  readonly definition: DefinedAdapter;
  readonly adapter: AdapterIdentity;
  /** What `open` returned. */
  readonly resource: unknown;
  readonly log: AdapterLog;
  readonly redact: Redact;
  /** Releases the host's resources that `open` used, also when the adapter's `close` failed. */
  release(): Promise<void>;
}

/** An adapter with one configuration, from `open` to `close`. */
export interface Session {
  /** One attempt. Never rejects; settles when the adapter's code settles. */
  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome>;
  /** Never rejects. */
  check(): Promise<readonly CheckResult[]>;
  /** Waits for running attempts, for at most 10 s, then closes. Never rejects. */
  close(): Promise<void>;
}

const ABORTED_BEFORE: Outcome = {
  kind: 'retryable',
  code: 'ABORTED',
  message: 'the attempt was aborted before it began',
};

interface Item {
  readonly event: AdapterEvent;
  readonly context: PushContext<unknown>;
}

/** Creates a session with what `open` returned. */
export function createSession({ definition, adapter, resource, log, redact, release }: SessionParts): Session {
  let running = 0;
  let onIdle = () => {};

  const failure = (what: string, thrown: unknown): Outcome => {
    const outcome = outcomeOf(thrown, redact);
    // The message of a foreign error is withheld, so the log has at least the stack frames.
    if (!isAdapterError(thrown) && outcome.kind === 'retryable') {
      log.warn(`${what} failed: ${outcome.message}`, { code: outcome.code, at: framesOf(thrown) });
    }
    return outcome;
  };

  const pushOne = async ({ event, context }: Item): Promise<Outcome> => {
    try {
      return pushOutcome(await definition.push?.(event, context), redact);
    } catch (thrown) {
      return failure('push', thrown);
    }
  };

  const pushMany = async (items: readonly Item[]): Promise<readonly Outcome[]> => {
    try {
      const events = items.map(({ event }) => event);
      const contexts = items.map(({ context }) => context);
      return batchOutcomes(await definition.pushBatch?.(events, contexts), items.length, redact);
    } catch (thrown) {
      const outcome = failure('pushBatch', thrown);
      return items.map(() => outcome);
    }
  };

  const push = definition.pushBatch === undefined ? pushOne : createBatcher(pushMany);

  return {
    deliver: async (attempt, signal) => {
      if (signal.aborted) return ABORTED_BEFORE;
      running += 1;
      try {
        const event = adapterEvent(attempt.event);
        return await push({ event, context: contextOf({ attempt, signal, resource, log, adapter }) });
      } finally {
        running -= 1;
        if (running === 0) onIdle();
      }
    },

    check: async () => {
      if (definition.check === undefined) return [];
      try {
        const run = await withinTime(PATIENCE_MS, (signal) => definition.check?.(resource, { log, signal }));
        if (run.late) return [{ name: 'check', ok: false, message: `check took longer than ${PATIENCE_MS} ms` }];
        if (!Array.isArray(run.result)) {
          return [{ name: 'check', ok: false, message: `check returned ${nameOf(run.result)}, not a list of results` }];
        }
        return run.result.map(({ name, ok, message }) => ({
          name: String(name),
          ok: ok === true,
          message: cutToLength(redact(String(message ?? '')), MESSAGE_MAX_CHARACTERS),
        }));
      } catch (thrown) {
        const outcome = failure('check', thrown);
        return [{ name: 'check', ok: false, message: outcome.kind === 'delivered' ? '' : outcome.message }];
      }
    },

    close: async () => {
      if (running > 0) {
        const idle = new Promise<void>((resolve) => {
          onIdle = resolve;
        });
        await withinTime(PATIENCE_MS, () => idle);
      }
      try {
        await withinTime(PATIENCE_MS, () => definition.close?.(resource));
      } catch (thrown) {
        log.warn('close failed; resources that open created may stay open', { error: outcomeOf(thrown, redact) });
      } finally {
        await release();
      }
    },
  };
}

function contextOf(parts: {
  attempt: DeliveryAttempt;
  signal: AbortSignal;
  resource: unknown;
  log: AdapterLog;
  adapter: AdapterIdentity;
}): PushContext<unknown> {
  const { attempt, signal, resource, log, adapter } = parts;
  const endsAtMs = performance.now() + attempt.timeoutMs;
  return {
    resource,
    idempotencyKey: attempt.idempotencyKey,
    attempt: attempt.attempt,
    redelivered: attempt.redelivered,
    traceparent: wellFormedTraceparent(attempt.event.attributes.traceparent),
    signal,
    remainingMs: () => Math.max(endsAtMs - performance.now(), 0),
    log,
    adapter,
  };
}

/** Checks the W3C Trace Context format: the value comes from a publisher and becomes a header. */
function wellFormedTraceparent(value: string | undefined): string | undefined {
  return value !== undefined && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value) ? value : undefined;
}
