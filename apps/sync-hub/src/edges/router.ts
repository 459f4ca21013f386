import { Health } from '@hms-sync/proto/health/v1/health';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { visibleJson } from '@hms-sync/proto/visible-text';
import type { HttpHandler, HttpResponse, HttpRoute } from './door/messages.ts';
import type { RequestBudget } from './door/request-budget.ts';
import type { HubStop } from './hub-stop.ts';
import type { Publishing } from './publishing/publishing.ts';
import type { AdminDeps } from './rpc/admin-deps.ts';
import { createAdminService } from './rpc/admin-service.ts';
import { createRpcs } from './rpc/connect-adapter.ts';
import { createErrorInterceptor, createStopInterceptor } from './rpc/connect-error.ts';
import type { HealthFeed } from './rpc/health-feed.ts';
import { createGrpcHealth, createHealthService } from './rpc/health-services.ts';
import { registerReflection } from './rpc/reflection.ts';
import { createSyncService } from './rpc/sync-service.ts';

export interface RouterOptions {
  readonly publishing: Publishing;
  readonly health: HealthFeed;
  readonly admin: AdminDeps;
  readonly routes: readonly HttpRoute[];
  readonly budget: RequestBudget;
  readonly stop: HubStop;
  /** Called with faults of the hub's own, for the log. */
  readonly onFault: (error: unknown) => void;
}

/** Every rpc over Connect, gRPC and gRPC-Web, and the plain HTTP routes beside them. */
export function createRouter(options: RouterOptions): HttpHandler {
  const { publishing, health, admin, routes, budget, stop, onFault } = options;
  const rpcs = createRpcs({
    routes(router) {
      router.service(SyncService, createSyncService(publishing, onFault));
      router.service(HealthService, createHealthService(health));
      router.service(Health, createGrpcHealth(health));
      router.service(AdminService, createAdminService(admin));
      registerReflection(router);
    },
    interceptors: [createErrorInterceptor(onFault), createStopInterceptor(stop)],
    onFault,
  });
  return (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const rpc = rpcs.get(path);
    budget.watch(request, response, { hasMany: rpc?.takesMany });
    if (rpc !== undefined) return rpc.serve(request, response);
    const route = routes.find((candidate) => candidate.path === path);
    if (route === undefined) return notFound(response, path, routes);
    if (!route.methods.includes(request.method ?? '')) return wrongMethod(response, route);
    route.handle(request, response);
  };
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
