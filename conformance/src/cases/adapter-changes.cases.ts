import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { describe, expect, test } from 'vitest';
import type { Scene } from '../scene.ts';
import { callWire, pathOf } from '../wire.ts';

export function describeAdapterChanges(scene: Scene): void {
  describe('AdminService', () => {
    const { addAdapter, upgradeAdapter, rollbackAdapter, removeAdapter, restartAdapter, retryAdapter } =
      AdminService.method;
    test.for([addAdapter, upgradeAdapter, rollbackAdapter, removeAdapter, restartAdapter, retryAdapter])(
      '$name that says nothing is rejected as bad input',
      async (method) => {
        const { wire } = scene.kind;
        const message = Buffer.from(wire.codec === 'json' ? '{}' : '');
        const { error } = await callWire(scene.stack.hub.address, { wire, path: pathOf(method), message });
        expect(error?.code).toBe('invalid_argument');
      },
    );
  });
}
