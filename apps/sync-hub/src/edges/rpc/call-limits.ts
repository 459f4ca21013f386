import type { Interceptor } from '@connectrpc/connect';
import { ServerReflection } from '@hms-sync/proto/grpc/reflection/v1/reflection';
import { ServerReflection as ServerReflectionV1Alpha } from '@hms-sync/proto/grpc/reflection/v1alpha/reflection';
import { Health } from '@hms-sync/proto/health/v1/health';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { CallerLimits, CallKind } from '../../access/caller-limits.ts';
import { callerOf } from './caller.ts';

/** The rpcs whose calls last. */
const KINDS: ReadonlyMap<unknown, CallKind> = new Map<unknown, CallKind>([
  [SyncService.method.publish, 'publish'],
  [SyncService.method.publishStream, 'stream'],
  [SyncService.method.watchAcks, 'stream'],
  [HealthService.method.watchHealth, 'watch'],
  [AdminService.method.watchJob, 'watch'],
  [AdminService.method.tailEvents, 'tail'],
  [ServerReflection.method.serverReflectionInfo, 'watch'],
  [ServerReflectionV1Alpha.method.serverReflectionInfo, 'watch'],
  [Health.method.watch, 'probe'],
]);

/** Bounds how many calls that last a caller has. They end with their last message, or with the caller. */
export function createLimitInterceptor(limits: CallerLimits): Interceptor {
  return (next) => async (request) => {
    const kind = KINDS.get(request.method);
    if (kind === undefined) return next(request);
    const end = limits.begin(callerOf(request.contextValues), kind);
    request.signal.addEventListener('abort', end, { once: true });
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: ending(response.message, end) } : response;
    } catch (error) {
      end();
      throw error;
    }
  };
}

async function* ending<Message>(messages: AsyncIterable<Message>, end: () => void): AsyncIterable<Message> {
  try {
    yield* messages;
  } finally {
    end();
  }
}
