import type { RuntimeCondition } from '../core/lane.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import type { LaneOptions } from './lane-options.ts';

/** How an adapter stands, as the core takes it. What the operator set goes before what the adapter asks for. */
export function runtimeCondition(start: RuntimeStart, delivery: LaneOptions['delivery']): RuntimeCondition {
  if (start.kind !== 'ready') return { kind: 'not_ready' };
  const { concurrency = start.concurrency, timeoutMs = start.attemptTimeoutMs } = delivery;
  return { ...start, concurrency, attemptTimeoutMs: timeoutMs };
}
