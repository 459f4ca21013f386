import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { create, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { AccessService } from '@hms-sync/proto/hms/sync/v1/access_service';
import { type Ack, AckSchema, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { AuditService } from '@hms-sync/proto/hms/sync/v1/audit_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import {
  type PublishRequest,
  type PublishResponseSchema,
  PublishUntil,
  SyncService,
  type WatchAcksRequest,
  type WatchAcksResponseSchema,
} from '@hms-sync/proto/hms/sync/v1/sync_service';

/** How one ack is to look; event id, adapter, time and cursor are filled in. */
export type PlannedAck = Partial<Omit<Ack, keyof Message | 'eventId' | 'adapter' | 'cursor'>>;

/** What the fake does, where it differs from delivering everything at once. */
export interface FakeHubPlan {
  /** 0: any free port. */
  port?: number;
  /** The acks of each adapter, in order; adapters take turns. A plan without a terminal ack never settles. */
  acks?: Record<string, PlannedAck[]>;
  /** The connection is cut, once, when a Publish stream has sent this many acks. */
  cutAfterAcks?: number;
  sync?: Partial<ServiceImpl<typeof SyncService>>;
  health?: Partial<ServiceImpl<typeof HealthService>>;
  admin?: Partial<ServiceImpl<typeof AdminService>>;
  audit?: Partial<ServiceImpl<typeof AuditService>>;
  access?: Partial<ServiceImpl<typeof AccessService>>;
}

/** A fake hub that serves. */
export interface FakeHub {
  readonly address: string;
  /** What was published, the oldest first. */
  readonly published: PublishRequest[];
  close(): Promise<void>;
}

const allDelivered: Record<string, PlannedAck[]> = Object.fromEntries(
  ['billing', 'records', 'scheduling'].map((adapter) => [
    adapter,
    [{ state: DeliveryState.DELIVERED, attempt: 1, receipt: `${adapter} took it` }],
  ]),
);

/** When the fake says that things happened; a fixed moment, so that tests can compare whole lines. */
export const fakeTime = timestampFromMs(Date.UTC(2026, 0, 2, 3, 4, 5, 678));

/** Speaks hms.sync.v1 over cleartext HTTP/2 as a hub does. Its journal is an array, a cursor a place in it. */
export async function startFakeHub(plan: FakeHubPlan = {}): Promise<FakeHub> {
  const acks = plan.acks ?? allDelivered;
  const journal: Ack[] = [];
  const published: PublishRequest[] = [];
  const sessions = new Set<ServerHttp2Session>();
  let cutAfterAcks = plan.cutAfterAcks;

  function record(eventId: string): void {
    const turns = Math.max(0, ...Object.values(acks).map((planned) => planned.length));
    for (let turn = 0; turn < turns; turn++) {
      for (const [adapter, planned] of Object.entries(acks)) {
        const ack = planned[turn];
        if (ack === undefined) continue;
        const cursor = String(journal.length + 1);
        journal.push(create(AckSchema, { time: fakeTime, cycle: 1, ...ack, eventId, adapter, cursor }));
      }
    }
  }

  async function* publish(request: PublishRequest): AsyncGenerator<MessageInitShape<typeof PublishResponseSchema>> {
    published.push(request);
    const eventId = request.event?.id ?? '';
    const cursor = journal.length;
    record(eventId);
    const adapters = Object.keys(acks);
    yield { result: { case: 'accepted', value: { eventId, adapters, cursor: String(cursor) } } };
    if (request.until === PublishUntil.ACCEPTED) return;
    let sent = 0;
    for (const ack of journal.slice(cursor)) {
      if (sent === cutAfterAcks) {
        cutAfterAcks = undefined;
        // What was sent has left by the next turn; then the hub is gone for this caller.
        await nextTurn();
        for (const session of sessions) session.destroy();
        return;
      }
      yield { result: { case: 'ack', value: ack } };
      sent++;
    }
    if (!settles()) await untilClosed;
  }

  async function* watchAcks(
    request: WatchAcksRequest,
  ): AsyncGenerator<MessageInitShape<typeof WatchAcksResponseSchema>> {
    yield { acks: [], cursor: request.cursor };
    const found = journal
      .slice(Number(request.cursor))
      .filter((ack) => request.eventIds.length === 0 || request.eventIds.includes(ack.eventId));
    if (found.length > 0) yield { acks: found, cursor: found.at(-1)?.cursor ?? '' };
    if (request.eventIds.length === 0 || !settles()) await untilClosed;
  }

  function settles(): boolean {
    return Object.values(acks).every((planned) => (planned.at(-1)?.state ?? 0) >= DeliveryState.DELIVERED);
  }

  let markClosed = () => {};
  const untilClosed = new Promise<never>((_, reject) => {
    markClosed = () => reject(new ConnectError('the fake hub shuts down', Code.Unavailable));
  });
  untilClosed.catch(() => undefined);

  const server = createServer(
    connectNodeAdapter({
      routes: (router) => {
        router.service(SyncService, { publish, watchAcks, ...plan.sync });
        router.service(HealthService, { ...plan.health });
        router.service(AdminService, { ...plan.admin });
        router.service(AuditService, { ...plan.audit });
        router.service(AccessService, { ...plan.access });
      },
    }),
  );
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(plan.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    published,
    close: async () => {
      markClosed();
      for (const session of sessions) session.destroy();
      // A test may have closed it already.
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
