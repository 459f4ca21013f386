import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import {
  type Health as GrpcHealth,
  HealthCheckResponse_ServingStatus as Status,
} from '@hms-sync/proto/health/v1/health';
import {
  type AdapterHealth,
  AdapterState,
  BreakerState,
  type Health,
  type HealthSchema,
  type HealthService,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { type Principal, permits, seesAdapter } from '../../access/principal.ts';
import { callerOf } from './caller.ts';
import type { HealthFeed } from './health-feed.ts';

/** hms.sync.v1.HealthService: the status of the hub and of each adapter. */
export function createHealthService(feed: HealthFeed): ServiceImpl<typeof HealthService> {
  return {
    getHealth: async (_request, { values }) => ({ health: shownTo(callerOf(values), await feed.read()) }),
    async *watchHealth(_request, { signal, values }) {
      const caller = callerOf(values);
      for await (const health of feed.watch(signal)) yield { health: shownTo(caller, health) };
    },
  };
}

/** What a caller may see: without the permission for more, whether the hub accepts events and its adapters run. */
function shownTo(caller: Principal, { hub, adapters, hubs }: Health): MessageInitShape<typeof HealthSchema> {
  const isSeen = ({ id }: AdapterHealth) => seesAdapter(caller, id);
  if (permits(caller, 'health.details'))
    return {
      ...(hub !== undefined && { hub }),
      adapters: adapters.filter(isSeen),
      hubs: hubs.map((one) => ({ ...one, adapters: one.adapters.filter((id) => seesAdapter(caller, id)) })),
    };
  return {
    ...(hub !== undefined && { hub: { version: hub.version, accepting: hub.accepting } }),
    adapters: adapters.filter(isSeen).map(({ id, state, breaker }) => ({
      ...{ id, state },
      ...(breaker !== undefined && { breaker: { state: breaker.state } }),
    })),
  };
}

/**
 * grpc.health.v1.Health: "" and hms.sync.v1.SyncService are the hub; adapter/<id> is SERVING while the adapter runs
 * and its breaker is closed. An adapter never makes the hub not serving.
 */
export function createGrpcHealth(feed: HealthFeed): ServiceImpl<typeof GrpcHealth> {
  return {
    check({ service }, { values }) {
      const status = statuses(feed.now(), callerOf(values)).get(service);
      if (status === undefined) {
        // Cut: a status travels in a header, and a name may be as long as a message.
        throw new ConnectError(`unknown service ${JSON.stringify(service.slice(0, 128))}`, Code.NotFound);
      }
      return { status };
    },
    list(_request, { values }) {
      const entries = [...statuses(feed.now(), callerOf(values))].map(
        ([service, status]) => [service, { status }] as const,
      );
      return { statuses: Object.fromEntries(entries) };
    },
    async *watch({ service }, { signal, values }) {
      const caller = callerOf(values);
      let last: Status | undefined;
      for await (const health of feed.watch(signal)) {
        const status = statuses(health, caller).get(service) ?? Status.SERVICE_UNKNOWN;
        if (status !== last) yield { status };
        last = status;
      }
    },
  };
}

/** Of the hub for everybody, of adapters for who may read health. */
function statuses({ hub, adapters }: Health, caller: Principal): ReadonlyMap<string, Status> {
  const isSeen = ({ id }: AdapterHealth) => permits(caller, 'health.read') && seesAdapter(caller, id);
  const own = hub?.accepting === true ? Status.SERVING : Status.NOT_SERVING;
  return new Map([
    ['', own],
    [SyncService.typeName, own],
    ...adapters.filter(isSeen).map(({ id, state, breaker }): [string, Status] => {
      const serves = state === AdapterState.READY && breaker?.state === BreakerState.CLOSED;
      return [`adapter/${id}`, serves ? Status.SERVING : Status.NOT_SERVING];
    }),
  ]);
}
