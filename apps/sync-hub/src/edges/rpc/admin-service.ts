import type { ServiceImpl } from '@connectrpc/connect';
import type { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { BACKUP_NAME, BACKUP_NAME_RULE } from '../../operations/backups.ts';
import { Refusal, wrongField } from '../refusal.ts';
import { pauseAdapter, probeAdapter, resumeAdapter, retryAdapter } from './admin-adapters.ts';
import { countDeliveries, discardDeliveries, listDeliveries } from './admin-deliveries.ts';
import { cancelJob, getJob, replayDeliveries, watchJob } from './admin-jobs.ts';
import type { AdminRooms } from './admin-rooms.ts';
import { tailEvents } from './admin-tail.ts';
import { addAdapter, removeAdapter, restartAdapter, rollbackAdapter, upgradeAdapter } from './admin-versions.ts';

/** AdminService: what people decide, by the hub's rooms. */
export function createAdminService(rooms: AdminRooms): ServiceImpl<typeof AdminService> {
  return {
    listDeliveries: (request) => listDeliveries(rooms, request),
    countDeliveries: (request, { signal }) => countDeliveries(rooms, request, signal),
    discardDeliveries: (request, { signal }) => discardDeliveries(rooms, request, signal),
    replayDeliveries: async (request) => ({ job: await replayDeliveries(rooms, request) }),
    getJob: async ({ id }) => ({ job: await getJob(rooms, id) }),
    async *watchJob({ id }, { signal }) {
      for await (const job of watchJob(rooms, id, signal)) yield { job };
    },
    cancelJob: ({ id }) => cancelJob(rooms, id),
    pauseAdapter: (request) => pauseAdapter(rooms, request),
    resumeAdapter: (request) => resumeAdapter(rooms, request),
    async probeAdapter({ adapter }) {
      const { id: eventId = '', source = '' } = (await probeAdapter(rooms, adapter)) ?? {};
      return { eventId, source };
    },
    retryAdapter: async (request) => ({ retried: BigInt(await retryAdapter(rooms, request)) }),
    restartAdapter: (request) => restartAdapter(rooms, request),
    tailEvents: (request, { signal }) => tailEvents(rooms, request, signal),
    backupJournal: ({ path }) => backupJournal(rooms, path),
    addAdapter: (request) => addAdapter(rooms, request),
    upgradeAdapter: (request) => upgradeAdapter(rooms, request),
    rollbackAdapter: (request) => rollbackAdapter(rooms, request),
    removeAdapter: (request) => removeAdapter(rooms, request),
  };
}

async function backupJournal({ backups, onChange }: AdminRooms, name: string) {
  if (!BACKUP_NAME.test(name)) throw wrongField('path', BACKUP_NAME_RULE);
  const result = await backups.make(name);
  if (result.kind === 'refused') throw new Refusal('BACKUP_REFUSED', result.reason);
  onChange({ change: 'backup', path: result.path });
  return { path: result.path, sizeBytes: BigInt(result.sizeBytes) };
}
