import type { Journal } from '../../journal/journal.ts';
import type { Lane } from '../../lanes/lane.ts';
import type { Lanes } from '../../lanes/lanes.ts';
import type { OperatorChange } from '../../operations/operator-change.ts';
import { wrongField } from '../refusal.ts';
import { unknownAdapter } from './admin-filter.ts';
import { toReason } from './admin-reason.ts';

export interface AdminAdaptersOptions {
  readonly journal: Pick<Journal, 'saveLanePause'>;
  readonly lanes: Lanes;
  readonly wallMs: () => number;
  readonly onChange: (change: OperatorChange) => void;
}

interface AdapterRequest {
  readonly adapter: string;
  readonly reason: string;
}

/** On disk before the lane acts: what a person was told holds over a restart. */
export async function pauseAdapter(options: AdminAdaptersOptions, request: AdapterRequest): Promise<void> {
  const lane = requireLane(options, request.adapter);
  const { adapter } = request;
  const reason = toReason(request);
  const { journal, wallMs, onChange } = options;
  await journal.saveLanePause({ adapter, pause: { reason, sinceMs: wallMs() } });
  lane.pause({ kind: 'operator', reason });
  onChange({ change: 'pause', adapter, reason });
}

/** Also ends the pause that a lane gave itself, which is on no record. */
export async function resumeAdapter(options: AdminAdaptersOptions, request: AdapterRequest): Promise<void> {
  const lane = requireLane(options, request.adapter);
  const { adapter } = request;
  const reason = toReason(request);
  await options.journal.saveLanePause({ adapter, pause: undefined });
  lane.resume();
  options.onChange({ change: 'resume', adapter, reason });
}

/** The id of the event that was let through; empty when nothing waits. */
export function probeAdapter(options: AdminAdaptersOptions, adapter: string): string {
  const eventId = requireLane(options, adapter).probe() ?? '';
  options.onChange({ change: 'probe', adapter, ...(eventId !== '' && { eventId }) });
  return eventId;
}

function requireLane({ lanes }: AdminAdaptersOptions, id: string): Lane {
  if (id === '') throw wrongField('adapter', 'is required');
  const lane = lanes.get(id);
  if (lane === undefined) {
    throw unknownAdapter(
      id,
      [...lanes].map(({ adapter }) => adapter.id),
    );
  }
  return lane;
}
