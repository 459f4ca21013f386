import type { DescService } from '@bufbuild/protobuf';
import { ServerReflection } from '@hms-sync/proto/grpc/reflection/v1/reflection';
import { ServerReflection as ServerReflectionV1Alpha } from '@hms-sync/proto/grpc/reflection/v1alpha/reflection';
import { Health } from '@hms-sync/proto/health/v1/health';
import { AccessService } from '@hms-sync/proto/hms/sync/v1/access_service';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { AuditService } from '@hms-sync/proto/hms/sync/v1/audit_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { Permission } from '../../access/permissions.ts';

/** What a caller needs: a permission, any credential that is valid, or nothing at all. */
export type Needed = Permission | 'credential' | 'nothing';

/** What each rpc of a service needs. */
export type Rpcs<Service extends DescService> = Readonly<Record<keyof Service['method'], Needed>>;

/** The rpcs that change something, or show what is not for everybody: the audit log has a record of each call. */
export const AUDITED: ReadonlySet<Needed> = new Set<Needed>([
  ...(['deliveries.replay', 'deliveries.discard', 'adapters.control', 'adapters.upgrade', 'adapters.install'] as const),
  ...(['journal.backup', 'access.manage', 'audit.read'] as const),
]);

const SYNC: Rpcs<typeof SyncService> = {
  publish: 'events.publish',
  publishStream: 'events.publish',
  publishAndWait: 'events.publish',
  watchAcks: 'acks.watch',
  getEvent: 'events.read',
};

const HEALTH: Rpcs<typeof HealthService> = { getHealth: 'health.read', watchHealth: 'health.read' };

const ADMIN: Rpcs<typeof AdminService> = {
  listDeliveries: 'deliveries.read',
  countDeliveries: 'deliveries.read',
  replayDeliveries: 'deliveries.replay',
  // A dry run discards nothing, and needs no more.
  discardDeliveries: 'deliveries.discard',
  getJob: 'deliveries.read',
  watchJob: 'deliveries.read',
  cancelJob: 'deliveries.replay',
  pauseAdapter: 'adapters.control',
  resumeAdapter: 'adapters.control',
  probeAdapter: 'adapters.control',
  retryAdapter: 'adapters.control',
  restartAdapter: 'adapters.control',
  addAdapter: 'adapters.install',
  upgradeAdapter: 'adapters.upgrade',
  rollbackAdapter: 'adapters.upgrade',
  removeAdapter: 'adapters.install',
  tailEvents: 'deliveries.read',
  backupJournal: 'journal.backup',
};

const ACCESS: Rpcs<typeof AccessService> = {
  whoAmI: 'credential',
  createToken: 'access.manage',
  listTokens: 'access.manage',
  rotateToken: 'access.manage',
  revokeToken: 'access.manage',
  reload: 'access.manage',
};

const AUDIT: Rpcs<typeof AuditService> = { listAudit: 'audit.read', verifyAudit: 'audit.read' };

/** For the probes of balancers and orchestrators, which have no credential: it says no more than that the hub serves. */
const GRPC_HEALTH: Rpcs<typeof Health> = { check: 'nothing', list: 'health.read', watch: 'nothing' };

const REFLECTION: Rpcs<typeof ServerReflection> = { serverReflectionInfo: 'health.read' };

const SERVICES: readonly (readonly [service: DescService, rpcs: Readonly<Record<string, Needed>>])[] = [
  [SyncService, SYNC],
  [HealthService, HEALTH],
  [AdminService, ADMIN],
  [AccessService, ACCESS],
  [AuditService, AUDIT],
  [Health, GRPC_HEALTH],
  [ServerReflection, REFLECTION],
  [ServerReflectionV1Alpha, REFLECTION],
];
const TABLE = new Map(SERVICES.map(([{ typeName }, rpcs]) => [typeName, rpcs]));

/** Every rpc that has a line, by its names. */
export const EVERY_RPC = SERVICES.flatMap(([{ typeName: service, methods }]) =>
  methods.map(({ name: rpc, localName }) => ({ service, rpc, localName })),
);

/** What an rpc needs; undefined for one without a line in the table, which nobody may call. */
export function neededFor(service: string, localName: string): Needed | undefined {
  const rpcs = TABLE.get(service);
  return rpcs !== undefined && Object.hasOwn(rpcs, localName) ? rpcs[localName] : undefined;
}
