import type { ServiceImpl } from '@connectrpc/connect';
import type { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import type { Journal } from '../../journal/journal.ts';
import { BACKUP_NAME, BACKUP_NAME_RULE, type Backups } from '../../operations/backups.ts';
import { Refusal, wrongField } from '../refusal.ts';
import {
  type AdminAdaptersOptions,
  pauseAdapter,
  probeAdapter,
  resumeAdapter,
  retryAdapter,
} from './admin-adapters.ts';
import { countDeliveries } from './admin-count.ts';
import { type AdminDeliveriesOptions, discardDeliveries, listDeliveries } from './admin-deliveries.ts';
import { type AdminJobsOptions, cancelJob, getJob, replayDeliveries, watchJob } from './admin-jobs.ts';
import { type AdminTailOptions, tailEvents } from './admin-tail.ts';
import {
  type AdminVersionsOptions,
  addAdapter,
  removeAdapter,
  restartAdapter,
  rollbackAdapter,
  upgradeAdapter,
} from './admin-versions.ts';

export interface AdminServiceOptions
  extends AdminDeliveriesOptions,
    AdminJobsOptions,
    AdminTailOptions,
    AdminAdaptersOptions,
    AdminVersionsOptions {
  readonly lanes: AdminAdaptersOptions['lanes'];
  readonly journal: Pick<Journal, 'readStatistics' | 'readEvent' | 'saveLanePause'>;
  readonly backups: Pick<Backups, 'make'>;
}

/** AdminService: what people decide, by the hub's rooms. */
export function createAdminService(options: AdminServiceOptions): ServiceImpl<typeof AdminService> {
  return {
    listDeliveries: (request) => listDeliveries(options, request),
    countDeliveries: (request, { signal }) => countDeliveries(options, request, signal),
    discardDeliveries: (request, { signal }) => discardDeliveries(options, request, signal),
    replayDeliveries: async (request) => ({ job: await replayDeliveries(options, request) }),
    getJob: async ({ id }) => ({ job: await getJob(options, id) }),
    async *watchJob({ id }, { signal }) {
      for await (const job of watchJob(options, id, signal)) yield { job };
    },
    cancelJob: ({ id }) => cancelJob(options, id),
    pauseAdapter: (request) => pauseAdapter(options, request),
    resumeAdapter: (request) => resumeAdapter(options, request),
    async probeAdapter({ adapter }) {
      const { id: eventId = '', source = '' } = (await probeAdapter(options, adapter)) ?? {};
      return { eventId, source };
    },
    retryAdapter: async (request) => ({ retried: BigInt(await retryAdapter(options, request)) }),
    restartAdapter: (request) => restartAdapter(options, request),
    tailEvents: (request, { signal }) => tailEvents(options, request, signal),
    backupJournal: ({ path }) => backupJournal(options, path),
    addAdapter: (request) => addAdapter(options, request),
    upgradeAdapter: (request) => upgradeAdapter(options, request),
    rollbackAdapter: (request) => rollbackAdapter(options, request),
    removeAdapter: (request) => removeAdapter(options, request),
  };
}

async function backupJournal({ backups, onChange }: AdminServiceOptions, name: string) {
  if (!BACKUP_NAME.test(name)) throw wrongField('path', BACKUP_NAME_RULE);
  const result = await backups.make(name);
  if (result.kind === 'refused') throw new Refusal('BACKUP_REFUSED', result.reason);
  onChange({ change: 'backup', path: result.path });
  return { path: result.path, sizeBytes: BigInt(result.sizeBytes) };
}
