import { HealthCheckResponse_ServingStatus as Status } from '@hms-sync/proto/health/v1/health';
import { AdapterState, BreakerState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { describe, expect, test } from 'vitest';
import { ADAPTERS } from '../acks.ts';
import type { Scene } from '../scene.ts';
import { first } from '../sync-client.ts';

const SERVICES = ['', 'adapter/billing', 'adapter/records', 'adapter/scheduling', 'hms.sync.v1.SyncService'];

export function describeHealth(scene: Scene): void {
  describe('health', () => {
    test('reports the hub and each adapter', async () => {
      const { hub, adapters } = await scene.client.getHealth();
      expect(hub).toMatchObject({ version: '0.1.0', accepting: true, notAcceptingReason: '' });
      expect(hub?.journal?.location).toBe(`sqlite:${scene.stack.folder.path}/.hms-sync/journal.db`);
      expect(hub?.journal?.sizeBytes).toBeGreaterThan(0n);
      expect(adapters.map(({ id }) => id)).toEqual(ADAPTERS);
      for (const adapter of adapters) {
        expect(adapter).toMatchObject({
          package: `@hms-sync/adapter-${adapter.id}`,
          version: '0.1.0',
          state: AdapterState.READY,
          reason: '',
          breaker: { state: BreakerState.CLOSED },
          deadLetters: 0n,
        });
      }
    });

    test.for(SERVICES)('reports to probes that "%s" is serving', async (service) => {
      expect(await scene.client.checkHealth(service)).toBe(Status.SERVING);
    });

    test('returns NOT_FOUND to a probe of an unknown service', async () => {
      await expect(scene.client.checkHealth('adapter/nobody')).rejects.toMatchObject({ code: 'not_found' });
    });

    test('lists the services that can be probed', async () => {
      const { statuses } = await scene.client.listServing();
      expect(Object.keys(statuses).sort()).toEqual(SERVICES);
    });

    test.runIf(scene.kind.features.serverStreams)('sends the current health to a watcher', async () => {
      const health = await first(scene.client.watchHealth());
      expect(health.adapters.map(({ id }) => id)).toEqual(ADAPTERS);
    });

    test.runIf(scene.kind.features.serverStreams)(
      'sends the status of known and unknown services to a watching probe',
      async () => {
        const [known, unknown] = await Promise.all([
          first(scene.client.watchServing('adapter/records')),
          first(scene.client.watchServing('adapter/nobody')),
        ]);
        expect(known.status).toBe(Status.SERVING);
        expect(unknown.status).toBe(Status.SERVICE_UNKNOWN);
      },
    );
  });
}
