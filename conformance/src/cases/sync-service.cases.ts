import { describe } from 'vitest';
import { openScene } from '../scene.ts';
import type { Stack } from '../stack.ts';
import type { TransportKind } from '../transports/transport.ts';
import { describeAdapterChanges } from './adapter-changes.cases.ts';
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
