import type { ServiceImpl } from '@connectrpc/connect';
import type { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import type { HealthFeed } from './health-feed.ts';

/** HealthService: the status of the hub and of each adapter. */
export function createHealthService(feed: HealthFeed): ServiceImpl<typeof HealthService> {
  return {
    getHealth: async () => ({ health: await feed.read() }),
    async *watchHealth(_request, { signal }) {
      for await (const health of feed.watch(signal)) yield { health };
    },
  };
}
