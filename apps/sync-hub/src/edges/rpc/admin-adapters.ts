import type { EventIdentity } from '../../core/event.ts';
import type { Lane } from '../../lanes/lane.ts';
import { invalidField } from '../request-error.ts';
import { type AdminCall, requireGranted } from './admin-deps.ts';
import { unknownAdapter } from './admin-filter.ts';
import { toOptionalReason, toReason } from './admin-reason.ts';

interface AdapterRequest {
  readonly adapter: string;
  readonly reason: string;
}

/** What was there before a change. */
interface FormerPause {
  readonly wasPaused: boolean;
  /** Empty when it was not paused. */
  readonly formerReason: string;
}

/** On disk before the lane acts: what an operator read holds over a restart. */
export async function pauseAdapter(deps: AdminCall, request: AdapterRequest): Promise<FormerPause> {
  const lane = requireLane(deps, request.adapter);
  const { adapter } = request;
  const reason = toReason(request);
  const { journal, wallMs, onChange } = deps;
  await journal.saveLanePause({ adapter, pause: { reason, sinceMs: wallMs() } });
  const former = formerPause(lane);
  lane.pause({ kind: 'operator', reason });
  onChange({ change: 'pause', adapter, reason });
  return former;
}

/** Also ends the pause that a lane gave itself, which is on no record. Without a pause nothing is changed. */
export async function resumeAdapter(deps: AdminCall, request: AdapterRequest): Promise<FormerPause> {
  const lane = requireLane(deps, request.adapter);
  const { adapter } = request;
  const reason = toReason(request);
  await deps.journal.saveLanePause({ adapter, pause: undefined });
  const former = formerPause(lane);
  if (!former.wasPaused) return former;
  lane.resume();
  deps.onChange({ change: 'resume', adapter, reason });
  return former;
}

/** The event that was let through; undefined when nothing waits. */
export async function probeAdapter(deps: AdminCall, adapter: string): Promise<EventIdentity | undefined> {
  const event = await requireLane(deps, adapter).probe();
  deps.onChange({
    change: 'probe',
    adapter,
    ...(event !== undefined && { eventId: event.id, source: event.source }),
  });
  return event;
}

/** How many deliveries waited for a time; all of the adapter are due now. */
export async function retryAdapter(deps: AdminCall, request: AdapterRequest): Promise<number> {
  const lane = requireLane(deps, request.adapter);
  const { adapter } = request;
  const reason = toOptionalReason(request);
  const retried = await lane.retryNow();
  deps.onChange({ change: 'retry', adapter, deliveries: retried, ...(reason !== '' && { reason }) });
  return retried;
}

function formerPause(lane: Lane): FormerPause {
  const { pause } = lane.health();
  return { wasPaused: pause !== undefined, formerReason: pause ?? '' };
}

function requireLane(call: AdminCall, id: string): Lane {
  const { lanes } = call;
  if (id === '') throw invalidField('adapter', 'is required');
  requireGranted(call, id);
  const lane = lanes.get(id);
  if (lane === undefined) {
    throw unknownAdapter(
      id,
      [...lanes].map(({ adapter }) => adapter.id),
    );
  }
  return lane;
}
