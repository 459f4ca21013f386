import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type AddAdapterRequestSchema,
  AdminService,
  type BackupJournalRequestSchema,
  type DeliveryFilterSchema,
  type DiscardDeliveriesRequestSchema,
  type Job,
  type ListedDelivery,
  type ReplayDeliveriesRequestSchema,
  type UpgradeAdapterRequestSchema,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import { present } from './sync-client.ts';
import type { Transport } from './transports/transport.ts';

/** What an operator asks of the hub, over any transport. */
export type AdminClient = ReturnType<typeof createAdminClient>;

export function createAdminClient({ unary, serverStream, close }: Transport) {
  const { method } = AdminService;
  return {
    list: async (filter: MessageInitShape<typeof DeliveryFilterSchema> = {}): Promise<readonly ListedDelivery[]> =>
      (await unary(method.listDeliveries, { filter, pageSize: 1_000 })).deliveries,
    replay: async (request: MessageInitShape<typeof ReplayDeliveriesRequestSchema>): Promise<Job> =>
      present((await unary(method.replayDeliveries, request)).job),
    discard: async (request: MessageInitShape<typeof DiscardDeliveriesRequestSchema>): Promise<bigint> =>
      (await unary(method.discardDeliveries, request)).discarded,
    job: async (id: string): Promise<Job> => present((await unary(method.getJob, { id })).job),
    watchJob: async function* (id: string): AsyncGenerator<Job, void> {
      for await (const { job } of serverStream(method.watchJob, { id })) yield present(job);
    },
    pause: (adapter: string, reason: string) => unary(method.pauseAdapter, { adapter, reason }),
    resume: (adapter: string, reason: string) => unary(method.resumeAdapter, { adapter, reason }),
    addAdapter: (request: MessageInitShape<typeof AddAdapterRequestSchema>) => unary(method.addAdapter, request),
    upgradeAdapter: (request: MessageInitShape<typeof UpgradeAdapterRequestSchema>) =>
      unary(method.upgradeAdapter, request),
    rollbackAdapter: (adapter: string, reason: string) => unary(method.rollbackAdapter, { adapter, reason }),
    removeAdapter: (adapter: string, reason: string, discard = false) =>
      unary(method.removeAdapter, { adapter, reason, discard }),
    restartAdapter: (adapter: string) => unary(method.restartAdapter, { adapter }),
    retryAdapter: (adapter: string) => unary(method.retryAdapter, { adapter }),
    backup: (request: MessageInitShape<typeof BackupJournalRequestSchema>) => unary(method.backupJournal, request),
    close,
  };
}
