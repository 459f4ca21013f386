import type { ServiceImpl } from '@connectrpc/connect';
import type { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { BACKUP_NAME, BACKUP_NAME_RULE } from '../../operations/backups.ts';
import { invalidField, RequestError } from '../request-error.ts';
import { pauseAdapter, probeAdapter, resumeAdapter, retryAdapter } from './admin-adapters.ts';
import { countDeliveries, discardDeliveries, listDeliveries } from './admin-deliveries.ts';
import type { AdminDeps } from './admin-deps.ts';
import { cancelJob, getJob, replayDeliveries, watchJob } from './admin-jobs.ts';
import { tailEvents } from './admin-tail.ts';
import { addAdapter, removeAdapter, restartAdapter, rollbackAdapter, upgradeAdapter } from './admin-versions.ts';

/** AdminService: what operators decide, with the hub's parts. */
export function createAdminService(deps: AdminDeps): ServiceImpl<typeof AdminService> {
  return {
    listDeliveries: (request) => listDeliveries(deps, request),
    countDeliveries: (request, { signal }) => countDeliveries(deps, request, signal),
    discardDeliveries: (request, { signal }) => discardDeliveries(deps, request, signal),
    replayDeliveries: async (request) => ({ job: await replayDeliveries(deps, request) }),
    getJob: async ({ id }) => ({ job: await getJob(deps, id) }),
    async *watchJob({ id }, { signal }) {
      for await (const job of watchJob(deps, id, signal)) yield { job };
    },
    cancelJob: ({ id }) => cancelJob(deps, id),
    pauseAdapter: (request) => pauseAdapter(deps, request),
    resumeAdapter: (request) => resumeAdapter(deps, request),
    async probeAdapter({ adapter }) {
      const { id: eventId = '', source = '' } = (await probeAdapter(deps, adapter)) ?? {};
      return { eventId, source };
    },
    retryAdapter: async (request) => ({ retried: BigInt(await retryAdapter(deps, request)) }),
    restartAdapter: (request) => restartAdapter(deps, request),
    tailEvents: (request, { signal }) => tailEvents(deps, request, signal),
    backupJournal: ({ path }) => backupJournal(deps, path),
    addAdapter: (request) => addAdapter(deps, request),
    upgradeAdapter: (request) => upgradeAdapter(deps, request),
    rollbackAdapter: (request) => rollbackAdapter(deps, request),
    removeAdapter: (request) => removeAdapter(deps, request),
  };
}

async function backupJournal({ backups, onChange }: AdminDeps, name: string) {
  if (!BACKUP_NAME.test(name)) throw invalidField('path', BACKUP_NAME_RULE);
  const result = await backups.make(name);
  if (result.kind === 'rejected') throw new RequestError('BACKUP_REFUSED', result.reason);
  onChange({ change: 'backup', path: result.path });
  return { path: result.path, sizeBytes: BigInt(result.sizeBytes) };
}
