import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { describe, expect, test } from 'vitest';
import type { Scene } from '../scene.ts';
import { openScene } from '../scene.ts';
import type { Stack } from '../stack.ts';
import type { TransportKind } from '../transports/transport.ts';
import { callWire, pathOf } from '../wire.ts';
import { describeEvents } from './events.cases.ts';
import { describeHealth } from './health.cases.ts';
import { describePublish } from './publish.cases.ts';
import { describePublishAndWait } from './publish-and-wait.cases.ts';
import { describePublishStream } from './publish-stream.cases.ts';
import { describeWatchAcks } from './watch-acks.cases.ts';

/** What the contract promises, asked over one transport. Forms of call that it does not carry are left out. */
export function describeSyncService(kind: TransportKind, stack: () => Stack): void {
  describe(kind.name, () => {
    const scene = openScene(kind, stack);
    const { serverStreams, bidiStreams } = kind.features;
    describePublishAndWait(scene);
    describeEvents(scene);
    describeHealth(scene);
    describeAdapterChanges(scene);
    if (serverStreams) describePublish(scene);
    if (serverStreams) describeWatchAcks(scene);
    if (bidiStreams) describePublishStream(scene);
  });
}

export function describeAdapterChanges(scene: Scene): void {
  describe('AdminService', () => {
    const { addAdapter, upgradeAdapter, rollbackAdapter, removeAdapter, restartAdapter, retryAdapter } =
      AdminService.method;
    test.for([addAdapter, upgradeAdapter, rollbackAdapter, removeAdapter, restartAdapter, retryAdapter])(
      '$name with an empty request is rejected as bad input',
      async (method) => {
        const { wire } = scene.kind;
        const message = Buffer.from(wire.codec === 'json' ? '{}' : '');
        const { error } = await callWire(scene.stack.hub.address, { wire, path: pathOf(method), message });
        expect(error?.code).toBe('invalid_argument');
      },
    );
  });
}
