import type { ServiceImpl } from '@connectrpc/connect';
import type { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import type { HealthFeed } from './health-feed.ts';

/** HealthService: how the hub and each adapter stand. */
export function createHealthService(feed: HealthFeed): ServiceImpl<typeof HealthService> {
  return {
    getHealth: () => ({ health: feed.now() }),
    async *watchHealth(_request, { signal }) {
      for await (const health of feed.watch(signal)) yield { health };
    },
  };
}
