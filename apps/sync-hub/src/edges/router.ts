import { Health } from '@hms-sync/proto/health/v1/health';
import { AccessService } from '@hms-sync/proto/hms/sync/v1/access_service';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { AuditService } from '@hms-sync/proto/hms/sync/v1/audit_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { visibleJson } from '@hms-sync/proto/visible-text';
import type { CallerLimits } from '../access/caller-limits.ts';
import { ANONYMOUS_PRINCIPAL, type Principal } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { RefusedCredentials } from '../audit/refused-credentials.ts';
import type { Callers } from './door/identify.ts';
import type { HttpHandler, HttpRequest, HttpResponse, HttpRoute } from './door/messages.ts';
import type { RequestBudget } from './door/request-budget.ts';
import { answerJson } from './http/answer-json.ts';
import { errorAnswer } from './http/sync-answer.ts';
import type { HubStop } from './hub-stop.ts';
import type { Publishing } from './publishing/publishing.ts';
import { RequestError } from './request-error.ts';
import { type AccessDeps, createAccessService } from './rpc/access-service.ts';
import type { AdminDeps } from './rpc/admin-deps.ts';
import { createAdminService } from './rpc/admin-service.ts';
import { createAuditService } from './rpc/audit-service.ts';
import { CallAudit } from './rpc/call-audit.ts';
import { createLimitInterceptor } from './rpc/call-limits.ts';
import { createRpcs } from './rpc/connect-adapter.ts';
import { createErrorInterceptor, createStopInterceptor } from './rpc/connect-error.ts';
import { createGate, requirePermission } from './rpc/gate.ts';
import type { HealthFeed } from './rpc/health-feed.ts';
import { createGrpcHealth, createHealthService } from './rpc/health-services.ts';
import { registerReflection } from './rpc/reflection.ts';
import { createSyncService } from './rpc/sync-service.ts';

export interface RouterOptions {
  readonly publishing: Publishing;
  readonly health: HealthFeed;
  readonly admin: AdminDeps;
  readonly access: AccessDeps;
  readonly limits: CallerLimits;
  readonly audit: AuditLog;
  readonly refused: RefusedCredentials;
  readonly routes: readonly HttpRoute[];
  readonly budget: RequestBudget;
  readonly stop: HubStop;
  /** Called with faults of the hub's own, for the log. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Every rpc over Connect, gRPC and gRPC-Web, and the plain HTTP routes beside them.
 *
 * @returns the handler of a listener, by what identifies the callers of its requests
 */
export function createRouter(options: RouterOptions): (callers: Callers) => HttpHandler {
  const { publishing, health, admin, access, limits, audit, refused, routes, budget, stop, onFault } = options;
  const callAudit = new CallAudit(audit, refused);
  const rpcs = createRpcs({
    routes(router) {
      router.service(SyncService, createSyncService(publishing, onFault));
      router.service(HealthService, createHealthService(health));
      router.service(Health, createGrpcHealth(health));
      router.service(AdminService, createAdminService(admin, onFault));
      router.service(AccessService, createAccessService(access));
      router.service(AuditService, createAuditService(audit));
      registerReflection(router);
    },
    interceptors: [
      ...[createErrorInterceptor(onFault), createStopInterceptor(stop), createLimitInterceptor(limits)],
      callAudit.interceptor,
    ],
    gate: createGate(callAudit, onFault),
    onFault,
  });
  return (callers) => (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const rpc = rpcs.get(path);
    budget.watch(request, response, { hasMany: rpc?.takesMany });
    if (rpc !== undefined) {
      const call = { address: callers.addressOf(request), identify: () => callers.principalOf(request) };
      return rpc.serve(request, response, call);
    }
    const route = routes.find((candidate) => candidate.path === path);
    if (route === undefined) return notFound(response, path, routes);
    if (!route.methods.includes(request.method ?? '')) return wrongMethod(response, route);
    void serveRoute(route, { request, response, callers, refused, onFault });
  };
}

interface RouteCall {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly callers: Callers;
  readonly refused: RefusedCredentials;
  readonly onFault: (error: unknown) => void;
}

/** A plain HTTP request, once it is known that its caller may make it. */
async function serveRoute(route: HttpRoute, call: RouteCall): Promise<void> {
  const { request, response, callers, refused, onFault } = call;
  const address = callers.addressOf(request);
  let caller: Principal | undefined;
  try {
    caller = route.needs === 'nothing' ? ANONYMOUS_PRINCIPAL : await callers.principalOf(request);
    if (route.needs !== 'nothing') requirePermission(caller, route.needs);
    route.handle(request, response, caller);
  } catch (error) {
    const refusal = RequestError.of(error, onFault);
    if (caller === undefined) refused.note(address, refusal.reason);
    answerJson(request, response, errorAnswer(refusal));
  }
}

function notFound(response: HttpResponse, path: string, routes: readonly HttpRoute[]): void {
  const known = routes.map((route) => route.path).join(', ');
  const message = `nothing is at ${path.slice(0, 128)}; there are ${known} and the rpcs, such as /hms.sync.v1.SyncService/PublishAndWait`;
  answer(response, 404, { code: 'unimplemented', message });
}

function wrongMethod(response: HttpResponse, { path, methods }: HttpRoute): void {
  response.setHeader('allow', methods.join(', '));
  answer(response, 405, { code: 'unimplemented', message: `${path} takes ${methods.join(', ')}` });
}

function answer(response: HttpResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(visibleJson(JSON.stringify(body)));
}
