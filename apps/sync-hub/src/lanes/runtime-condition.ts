import type { RuntimeCondition } from '../core/lane-messages.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import type { LaneOptions } from './lane-options.ts';

/**
 * The condition of an adapter, as the core takes it. What the operator set takes precedence over what the adapter asks for.
 *
 * @param before its condition until now: what it accepts is known from when it ran
 */
export function runtimeCondition(
  start: RuntimeStart,
  delivery: LaneOptions['delivery'],
  before: RuntimeCondition,
): RuntimeCondition {
  if (start.kind !== 'ready') {
    return { kind: 'not_ready', ...(before.accepts !== undefined && { accepts: before.accepts }) };
  }
  const { concurrency = start.concurrency, timeoutMs = start.attemptTimeoutMs } = delivery;
  return { ...start, concurrency, attemptTimeoutMs: timeoutMs };
}
