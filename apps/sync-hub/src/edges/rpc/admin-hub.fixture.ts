import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { BadRequestSchema, ErrorInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { AccessService } from '@hms-sync/proto/hms/sync/v1/access_service';
import { AdminService, type Job, JobState } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { AuditService } from '@hms-sync/proto/hms/sync/v1/audit_service';
import { expect, onTestFinished } from 'vitest';
import { Authenticator, type AuthenticatorOptions } from '../../access/authenticator.ts';
import { CountPerMinute } from '../../access/count-per-minute.ts';
import { JwtVerifier } from '../../access/jwt.ts';
import { TokenFile } from '../../access/token-file.ts';
import { Tokens } from '../../access/tokens.ts';
import { AuditLog, type AuditLogOptions } from '../../audit/audit-log.ts';
import { RefusedCredentials } from '../../audit/refused-credentials.ts';
import { InstallError } from '../../installs/install-error.ts';
import { createIdentify } from '../door/identify.ts';
import { listen } from '../door/listener.ts';
import { REQUEST_BUDGET, RequestBudget } from '../door/request-budget.ts';
import { createSyncRoute } from '../http/sync-route.ts';
import { HubStop } from '../hub-stop.ts';
import { openTestHub, published, settleTurns, type TestHub, type TestHubOptions } from '../publishing/hub.fixture.ts';
import { createRouter } from '../router.ts';
import type { AccessDeps } from './access-service.ts';
import type { AdminDeps, OperatorChange } from './admin-deps.ts';
import { HealthFeed } from './health-feed.ts';

/** A hub behind a real port, and an operator who calls it. */
export interface AdminTestHub extends TestHub {
  readonly admin: Client<typeof AdminService>;
  readonly access: Client<typeof AccessService>;
  readonly audits: Client<typeof AuditService>;
  readonly port: number;
  readonly tokens: Tokens;
  readonly refused: RefusedCredentials;
  readonly auditFolder: string;
  /** The records of the audit log. */
  audited(): Promise<Record<string, unknown>[]>;
  /** What an operator changed, as it would be in the log. */
  readonly changes: readonly OperatorChange[];
}

export interface AdminTestHubOptions extends TestHubOptions {
  /** Replaces the hub's own parts. */
  readonly deps?: (hub: TestHub) => Partial<AdminDeps>;
  /** Default: everybody, as administrators. */
  readonly withoutCredential?: AuthenticatorOptions['withoutCredential'];
  /** Default: on the disk. */
  readonly openAuditFile?: AuditLogOptions['openFile'];
  readonly reload?: AccessDeps['reload'];
}

const reject = async () => {
  throw new InstallError('NOT_NOW', 'nothing is installed in this test');
};
/** Of a hub that keeps its journal in memory. */
const noBackups = { make: async () => ({ kind: 'rejected' as const, reason: 'there is no file to copy' }) };
/** Of a hub that installs nothing. */
export const noInstalls: AdminDeps['lifecycle'] = {
  ...{ add: reject, reviewAdd: reject, upgrade: reject, reviewUpgrade: reject },
  ...{ rollback: reject, restart: reject, remove: reject },
};

export async function openAdminTestHub({
  deps,
  withoutCredential = 'everybody',
  openAuditFile,
  reload = async () => ({ kind: 'rejected', reason: 'there is no file to read' }),
  ...options
}: AdminTestHubOptions = {}): Promise<AdminTestHub> {
  const hub = await openTestHub(options);
  const changes: OperatorChange[] = [];
  const admin = {
    ...hub,
    // Whoever calls is an administrator by default, and every change names its caller.
    onChange({ by, ...change }: OperatorChange) {
      expect(by).toMatch(/./);
      changes.push(change);
    },
    allowedPackages: [],
    lifecycle: noInstalls,
    backups: noBackups,
    ...deps?.(hub),
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
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-access-'));
  const tokens = await Tokens.open(new TokenFile(folder), hub.wallMs);
  const access = { tokens, reload, onChange: admin.onChange };
  const audit = await AuditLog.open({
    dataDir: folder,
    hub: 'hub-1',
    keepDays: 1,
    wallMs: hub.wallMs,
    onCheckpoint: () => undefined,
    onTrouble: () => undefined,
    ...(openAuditFile && { openFile: openAuditFile }),
  });
  const refused = new RefusedCredentials(audit, hub.wallMs);
  const router = createRouter({ ...hub, health, admin, access, audit, refused, routes, budget, stop });
  const authenticator = new Authenticator({
    withoutCredential,
    token: (text) => tokens.principalOf(text),
    jwt: (text, certificate) => new JwtVerifier([]).verify(text, certificate),
  });
  const identify = createIdentify({ authenticator, failed: new CountPerMinute(20, () => 0), bySocket: false });
  const listener = await listen({ host: '127.0.0.1', port: 0 }, router(identify));
  const baseUrl = `http://127.0.0.1:${listener.port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const transport = createConnectTransport({ httpVersion: '2', baseUrl, sessionManager });
  onTestFinished(async () => {
    sessionManager.abort();
    await listener.close(0);
    tokens.close();
    await refused.close();
    await audit.close();
    rmSync(folder, { recursive: true });
    expect(hub.faults).toEqual([]);
  });
  return Object.assign(hub, {
    admin: createClient(AdminService, transport),
    access: createClient(AccessService, transport),
    audits: createClient(AuditService, transport),
    ...{ changes, tokens, refused, port: listener.port },
    auditFolder: join(folder, 'audit'),
    audited: async () => {
      const all = { sinceMs: undefined, untilMs: undefined, principals: [], limit: 10_000, after: undefined };
      return (await audit.list(all)).lines.map((line) => JSON.parse(line));
    },
  });
}

/** Publishes events that were attempted by the time it returns. */
export async function publishAll(hub: TestHub, ids: readonly string[], key = ''): Promise<void> {
  for (const id of ids) await hub.intake.accept(published({ id, key }));
  await settleTurns();
}

/** Follows a job to its end. */
export async function untilEnded({ admin }: AdminTestHub, job: Job | undefined): Promise<Job> {
  for await (const received of admin.watchJob({ id: job?.id ?? '' })) {
    if (received.job !== undefined && received.job.state !== JobState.RUNNING) return received.job;
  }
  throw new Error('the watch ended before the job did');
}

/** How a call was refused: its status, its reason, and the fields that were wrong. */
export async function rejectionOf(call: Promise<unknown>) {
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
