import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import {
  type Health as GrpcHealth,
  HealthCheckResponse_ServingStatus as Status,
} from '@hms-sync/proto/health/v1/health';
import {
  AdapterState,
  BreakerState,
  type Health,
  type HealthService,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { HealthFeed } from './health-feed.ts';

/** hms.sync.v1.HealthService: the status of the hub and of each adapter. */
export function createHealthService(feed: HealthFeed): ServiceImpl<typeof HealthService> {
  return {
    getHealth: async () => ({ health: await feed.read() }),
    async *watchHealth(_request, { signal }) {
      for await (const health of feed.watch(signal)) yield { health };
    },
  };
}

/**
 * grpc.health.v1.Health: "" and hms.sync.v1.SyncService are the hub; adapter/<id> is SERVING while the adapter runs
 * and its breaker is closed. An adapter never makes the hub not serving.
 */
export function createGrpcHealth(feed: HealthFeed): ServiceImpl<typeof GrpcHealth> {
  return {
    check({ service }) {
      const status = statuses(feed.now()).get(service);
      if (status === undefined) {
        // Cut: a status travels in a header, and a name may be as long as a message.
        throw new ConnectError(`unknown service ${JSON.stringify(service.slice(0, 128))}`, Code.NotFound);
      }
      return { status };
    },
    list() {
      const entries = [...statuses(feed.now())].map(([service, status]) => [service, { status }] as const);
      return { statuses: Object.fromEntries(entries) };
    },
    async *watch({ service }, { signal }) {
      let last: Status | undefined;
      for await (const health of feed.watch(signal)) {
        const status = statuses(health).get(service) ?? Status.SERVICE_UNKNOWN;
        if (status !== last) yield { status };
        last = status;
      }
    },
  };
}

function statuses({ hub, adapters }: Health): ReadonlyMap<string, Status> {
  const own = hub?.accepting === true ? Status.SERVING : Status.NOT_SERVING;
  return new Map([
    ['', own],
    [SyncService.typeName, own],
    ...adapters.map(({ id, state, breaker }): [string, Status] => {
      const serves = state === AdapterState.READY && breaker?.state === BreakerState.CLOSED;
      return [`adapter/${id}`, serves ? Status.SERVING : Status.NOT_SERVING];
    }),
  ]);
}
