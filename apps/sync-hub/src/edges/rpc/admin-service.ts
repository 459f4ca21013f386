import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { BACKUP_NAME, BACKUP_NAME_RULE } from '../../operations/backups.ts';
import { invalidField, RequestError } from '../request-error.ts';
import { pauseAdapter, probeAdapter, resumeAdapter, retryAdapter } from './admin-adapters.ts';
import { countDeliveries, discardDeliveries, listDeliveries } from './admin-deliveries.ts';
import { type AdminCall, type AdminDeps, callOf } from './admin-deps.ts';
import { cancelJob, getJob, replayDeliveries, watchJob } from './admin-jobs.ts';
import { tailEvents } from './admin-tail.ts';
import { addAdapter, removeAdapter, restartAdapter, rollbackAdapter, upgradeAdapter } from './admin-versions.ts';
import { callerOf } from './caller.ts';
import { createClusterService } from './lane-commands.ts';

/** AdminService: what operators decide, with the hub's parts. @param onFault called with faults of the hub's own */
export function createAdminService(
  deps: AdminDeps,
  onFault: (error: unknown) => void,
): ServiceImpl<typeof AdminService> {
  const own = createOwnService(deps);
  const { cluster } = deps;
  return cluster === undefined ? own : createClusterService(own, { deps, cluster, onFault });
}

/** For the lanes that run here. */
function createOwnService(deps: AdminDeps): ServiceImpl<typeof AdminService> {
  const of = ({ values }: HandlerContext) => callOf(deps, callerOf(values));
  return {
    listDeliveries: (request, context) => listDeliveries(of(context), request),
    countDeliveries: (request, context) => countDeliveries(of(context), request, context.signal),
    discardDeliveries: (request, context) => discardDeliveries(of(context), request, context.signal),
    replayDeliveries: async (request, context) => ({ job: await replayDeliveries(of(context), request) }),
    getJob: async ({ id }, context) => ({ job: await getJob(of(context), id) }),
    async *watchJob({ id }, context) {
      for await (const job of watchJob(of(context), id, context.signal)) yield { job };
    },
    cancelJob: ({ id }, context) => cancelJob(of(context), id),
    pauseAdapter: (request, context) => pauseAdapter(of(context), request),
    resumeAdapter: (request, context) => resumeAdapter(of(context), request),
    async probeAdapter({ adapter }, context) {
      const { id: eventId = '', source = '' } = (await probeAdapter(of(context), adapter)) ?? {};
      return { eventId, source };
    },
    retryAdapter: async (request, context) => ({ retried: BigInt(await retryAdapter(of(context), request)) }),
    restartAdapter: (request, context) => restartAdapter(of(context), request),
    tailEvents: (request, context) => tailEvents(of(context), request, context.signal),
    backupJournal: ({ path }, context) => backupJournal(of(context), path),
    addAdapter: (request, context) => addAdapter(of(context), request),
    upgradeAdapter: (request, context) => upgradeAdapter(of(context), request),
    rollbackAdapter: (request, context) => rollbackAdapter(of(context), request),
    removeAdapter: (request, context) => removeAdapter(of(context), request),
  };
}

async function backupJournal({ backups, onChange }: AdminCall, name: string) {
  if (!BACKUP_NAME.test(name)) throw invalidField('path', BACKUP_NAME_RULE);
  const result = await backups.make(name);
  if (result.kind === 'rejected') throw new RequestError('BACKUP_REFUSED', result.reason);
  onChange({ change: 'backup', path: result.path });
  return { path: result.path, sizeBytes: BigInt(result.sizeBytes) };
}
