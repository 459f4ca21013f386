import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { BadRequestSchema, ErrorInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { AdminService, type Job, JobState } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { expect, onTestFinished } from 'vitest';
import { InstallError } from '../../installs/install-error.ts';
import type { OperatorChange } from '../../operations/operator-change.ts';
import { listen } from '../door/listener.ts';
import { REQUEST_BUDGET, RequestBudget } from '../door/request-budget.ts';
import { createSyncRoute } from '../http/sync-route.ts';
import { HubStop } from '../hub-stop.ts';
import { openTestHub, published, settleTurns, type TestHub, type TestHubOptions } from '../publishing/hub.fixture.ts';
import { createRouter } from '../router.ts';
import type { AdminRooms } from './admin-rooms.ts';
import { HealthFeed } from './health-feed.ts';

/** A hub behind a real port, and an operator who calls it. */
export interface AdminTestHub extends TestHub {
  readonly admin: Client<typeof AdminService>;
  readonly port: number;
  /** What an operator changed, as it would be in the log. */
  readonly changes: readonly OperatorChange[];
}

export interface AdminTestHubOptions extends TestHubOptions {
  /** Goes before the hub's own rooms. */
  readonly rooms?: (hub: TestHub) => Partial<AdminRooms>;
}

/** Of a hub that installs nothing. */
const refuse = async () => {
  throw new InstallError('NOT_NOW', 'nothing is installed in this test');
};
/** Of a hub that keeps its journal in memory. */
const noBackups = { make: async () => ({ kind: 'refused' as const, reason: 'there is no file to copy' }) };
const noInstalls = { add: refuse, upgrade: refuse, rollback: refuse, restart: refuse, remove: refuse };

export async function openAdminTestHub({ rooms, ...options }: AdminTestHubOptions = {}): Promise<AdminTestHub> {
  const hub = await openTestHub(options);
  const changes: OperatorChange[] = [];
  const admin = {
    ...hub,
    onChange: (change: OperatorChange) => changes.push(change),
    lifecycle: noInstalls,
    backups: noBackups,
    ...rooms?.(hub),
  };
  const health = new HealthFeed({
    version: '1.2.3',
    startedAtMs: 0,
    journal: hub.journal,
    lanes: hub.lanes,
    notAcceptingReason: () => '',
  });
  const budget = new RequestBudget(REQUEST_BUDGET);
  const stop = new HubStop();
  const routes = [createSyncRoute({ ...hub, stop })];
  const router = createRouter({ ...hub, health, admin, routes, budget, stop });
  const listener = await listen({ host: '127.0.0.1', port: 0 }, router);
  const baseUrl = `http://127.0.0.1:${listener.port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const transport = createConnectTransport({ httpVersion: '2', baseUrl, sessionManager });
  onTestFinished(async () => {
    sessionManager.abort();
    await listener.close(0);
    expect(hub.faults).toEqual([]);
  });
  return Object.assign(hub, { admin: createClient(AdminService, transport), changes, port: listener.port });
}

/** Publishes events that were attempted by the time it returns. */
export async function publishAll(hub: TestHub, ids: readonly string[], key = ''): Promise<void> {
  for (const id of ids) await hub.intake.accept(published({ id, key }));
  await settleTurns();
}

/** Follows a job to its end. */
export async function untilEnded({ admin }: AdminTestHub, job: Job | undefined): Promise<Job> {
  for await (const told of admin.watchJob({ id: job?.id ?? '' })) {
    if (told.job !== undefined && told.job.state !== JobState.RUNNING) return told.job;
  }
  throw new Error('the watch ended before the job did');
}

/** How a call was refused: its status, its reason, and the fields that were wrong. */
export async function refusalOf(call: Promise<unknown>) {
  const error = await call.then(
    () => {
      throw new Error('the call was not refused');
    },
    (thrown: unknown) => ConnectError.from(thrown),
  );
  return {
    code: Code[error.code],
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason,
    fields: error.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations.map(({ field }) => field)),
    message: error.rawMessage,
  };
}
