import type { RequestListener } from 'node:http';
import type { DescMethod } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Health } from '@hms-sync/proto/health/v1/health';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { visibleJson } from '@hms-sync/proto/visible-text';
import { withBoundedDeadline } from './deadline-header.ts';
import { withReadableGrpcMessage } from './grpc-message.ts';
import type { HttpRoute, NodeResponse } from './http/route.ts';
import type { HubStop } from './hub-stop.ts';
import { withPlainStreams } from './plain-streams.ts';
import type { Publishing } from './publishing/publishing.ts';
import type { RequestBudget } from './request-budget.ts';
import { type AdminServiceOptions, createAdminService } from './rpc/admin-service.ts';
import { withCheckedBody } from './rpc/checked-body.ts';
import { withExplainedStatus } from './rpc/explained-status.ts';
import { createGrpcHealth } from './rpc/grpc-health.ts';
import type { HealthFeed } from './rpc/health-feed.ts';
import { createHealthService } from './rpc/health-service.ts';
import { binaryRequestOptions, expectRequests, jsonRequestOptions } from './rpc/json-request.ts';
import { registerReflection } from './rpc/reflection.ts';
import { createRefusalInterceptor, createStopInterceptor } from './rpc/refusal-error.ts';
import { createSyncService } from './rpc/sync-service.ts';

export interface RouterOptions {
  readonly publishing: Publishing;
  readonly health: HealthFeed;
  readonly admin: AdminServiceOptions;
  readonly routes: readonly HttpRoute[];
  readonly budget: RequestBudget;
  readonly stop: HubStop;
  /** Called with faults of the hub's own, for the log. */
  readonly onFault: (error: unknown) => void;
}

/** The largest message: 1,000 small events, or 15 of the largest. Connect's own bound is 4 GiB, decompression too. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** Every rpc over Connect, gRPC and gRPC-Web, and the plain HTTP routes beside them. */
export function createRouter(options: RouterOptions): RequestListener {
  const { publishing, health, admin, routes, budget, stop, onFault } = options;
  const streams = new Set<string>();
  const ofManyRequests = new Set<string>();
  const handler = connectNodeAdapter({
    routes: (router: ConnectRouter) => {
      router.service(SyncService, createSyncService(publishing, onFault));
      router.service(HealthService, createHealthService(health));
      router.service(Health, createGrpcHealth(health));
      router.service(AdminService, createAdminService(admin));
      registerReflection(router);
      expectRequests(router);
      for (const { method, requestPath } of router.handlers) {
        if (method.methodKind !== 'unary') streams.add(requestPath);
        if (takesMany(method)) ofManyRequests.add(requestPath);
      }
      router.handlers.forEach((handler, index) => {
        router.handlers[index] = withExplainedStatus(withCheckedBody(handler, MESSAGE_BYTES_MAX));
      });
    },
    interceptors: [createRefusalInterceptor(onFault), createStopInterceptor(stop)],
    readMaxBytes: MESSAGE_BYTES_MAX,
    binaryOptions: binaryRequestOptions,
    jsonOptions: jsonRequestOptions,
    fallback: (request, response) => {
      const [path = '/'] = (request.url ?? '/').split('?', 1);
      const route = routes.find((candidate) => candidate.path === path);
      if (route === undefined) return notFound(response, path, routes);
      if (!route.methods.includes(request.method ?? '')) return wrongMethod(response, route);
      route.handle(request, response);
    },
  });
  const plain = withPlainStreams(withReadableGrpcMessage(handler), (path) => streams.has(path));
  return budget.wrap(withBoundedDeadline(plain), (path) => ofManyRequests.has(path));
}

function takesMany({ methodKind }: DescMethod): boolean {
  return methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
}

function notFound(response: NodeResponse, path: string, routes: readonly HttpRoute[]): void {
  const known = routes.map((route) => route.path).join(', ');
  const message = `nothing is at ${path.slice(0, 128)}; there are ${known} and the rpcs, such as /hms.sync.v1.SyncService/PublishAndWait`;
  answer(response, 404, { code: 'unimplemented', message });
}

function wrongMethod(response: NodeResponse, { path, methods }: HttpRoute): void {
  response.setHeader('allow', methods.join(', '));
  answer(response, 405, { code: 'unimplemented', message: `${path} takes ${methods.join(', ')}` });
}

function answer(response: NodeResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(visibleJson(JSON.stringify(body)));
}
