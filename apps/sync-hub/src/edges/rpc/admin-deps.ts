import { type Principal, seesAdapter } from '../../access/principal.ts';
import type { Acks } from '../../acks/acks.ts';
import type { AddRequest, Installed, UpgradeRequest } from '../../installs/adapter-lifecycle.ts';
import type { Journal } from '../../journal/journal.ts';
import type { Lanes } from '../../lanes/lanes.ts';
import type { Backups } from '../../operations/backups.ts';
import type { Operations } from '../../operations/operations.ts';
import type { OperatorChange } from '../../operations/operator-change.ts';
import type { Cursors } from '../cursor.ts';
import { RequestError } from '../request-error.ts';

/** Who installs and replaces adapters; as `AdapterLifecycle` does it. */
interface Lifecycle {
  add(request: AddRequest): Promise<Installed>;
  upgrade(request: UpgradeRequest): Promise<Installed>;
  rollback(id: string, reason: string): Promise<Installed>;
  restart(id: string): Promise<Installed>;
  /** @returns how many deliveries were discarded; with `discard`, why they are */
  remove(id: string, options?: { readonly discard: string }): Promise<number>;
}

/** The parts of the hub that AdminService uses. */
export interface AdminDeps {
  readonly journal: Pick<Journal, 'info' | 'readStatistics' | 'readEvent' | 'saveLanePause'>;
  readonly lanes: Lanes;
  readonly acks: Pick<Acks, 'place'>;
  readonly cursors: Cursors;
  readonly operations: Pick<Operations, 'finder' | 'discards' | 'jobs' | 'tail'>;
  readonly lifecycle: Lifecycle;
  readonly backups: Pick<Backups, 'make'>;
  readonly wallMs: () => number;
  /** Called with each change that an operator made, for the log. */
  readonly onChange: (change: OperatorChange) => void;
}

/** The same for one call. */
export interface AdminCall extends AdminDeps {
  readonly caller: Principal;
}

/** Of a call by this caller. */
export function callOf(deps: AdminDeps, caller: Principal): AdminCall {
  return { ...deps, caller, onChange: (change) => deps.onChange({ ...change, by: caller.name }) };
}

/** @throws {RequestError} PERMISSION_DENIED for an adapter that the caller's grants leave out */
export function requireGranted({ caller }: Pick<AdminCall, 'caller'>, adapter: string): void {
  if (seesAdapter(caller, adapter)) return;
  const message = `${caller.name} may do this for ${caller.grants.adapters?.join(', ')} alone`;
  throw new RequestError('PERMISSION_DENIED', message);
}
