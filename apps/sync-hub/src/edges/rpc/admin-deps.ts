import type { CallerLimits } from '../../access/caller-limits.ts';
import { type Principal, seesAdapter } from '../../access/principal.ts';
import type { Acks } from '../../acks/acks.ts';
import type { LaneOwnership } from '../../core/ownership-state.ts';
import type { AdapterLifecycle } from '../../installs/adapter-lifecycle.ts';
import type { Hubs } from '../../journal/cluster-journal.ts';
import type { Journal } from '../../journal/journal.ts';
import type { LaneSet } from '../../lanes/lane-set.ts';
import type { Backups } from '../../operations/backups.ts';
import type { Operations } from '../../operations/operations.ts';
import type { Cursors } from '../cursor.ts';
import { RequestError } from '../request-error.ts';

/** The parts of the hub that AdminService uses. */
export interface AdminDeps {
  readonly journal: Pick<Journal, 'info' | 'readStatistics' | 'readEvent' | 'saveLanePause'>;
  readonly lanes: LaneSet;
  readonly acks: Pick<Acks, 'place'>;
  readonly cursors: Cursors;
  readonly operations: Pick<Operations, 'finder' | 'discards' | 'jobs' | 'tail'>;
  readonly lifecycle: Pick<
    AdapterLifecycle,
    'add' | 'reviewAdd' | 'upgrade' | 'reviewUpgrade' | 'rollback' | 'restart' | 'remove'
  >;
  readonly backups: Pick<Backups, 'make'>;
  readonly limits: CallerLimits;
  /** Patterns of the packages that others than an administrator may install. */
  readonly allowedPackages: readonly string[];
  /** Where hubs share the journal. */
  readonly cluster?: Cluster | undefined;
  readonly wallMs: () => number;
  /** Called with each change that an operator made, for the log. */
  readonly onChange: (change: OperatorChange) => void;
}

/** The hubs that share the journal. */
export interface Cluster {
  readonly hubs: Pick<Hubs, 'ask' | 'serve'>;
  /** Who owns each lane, as far as this hub knows. */
  readonly ownerships: readonly LaneOwnership[];
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

/** What an operator changed by the hub, for the log: never a payload, never a secret. */
export interface OperatorChange {
  readonly change:
    | 'replay'
    | 'cancel'
    | 'discard'
    | 'pause'
    | 'resume'
    | 'probe'
    | 'retry'
    | 'restart'
    | 'backup'
    | 'add'
    | 'upgrade'
    | 'rollback'
    | 'remove'
    | 'create token'
    | 'rotate token'
    | 'revoke token'
    | 'reload';
  /** The principal's name. */
  readonly by?: string;
  /** Why, as the operator said it; absent where none is asked for. */
  readonly reason?: string;
  readonly adapter?: string;
  readonly eventId?: string;
  /** Of the event. */
  readonly source?: string;
  readonly job?: string;
  /** The name of a token. */
  readonly token?: string;
  /** What runs now. */
  readonly adapterVersion?: string;
  readonly path?: string;
  /** How many deliveries it is about. */
  readonly deliveries?: number;
}
