import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { expect, onTestFinished, test } from 'vitest';
import { HeldStreams } from '../proof/held-streams.ts';
import { startStillHub } from '../proof/still-hub.ts';
import { residentMb } from './process-usage.ts';
import { collect, createSyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

const IDLE = 500;
const ACTIVE = 100;
/** What an idle stream may cost, and once the garbage of opening them, of which V8 keeps some before it collects. */
const GROWTH_MAX_MB = (IDLE * 64) / 1_024 + 64;

test('hundreds of streams stay open on two connections beside a publisher, and cost little', async () => {
  const still = await startStillHub({ thirdHangs: true });
  onTestFinished(() => still.remove());
  const { hub } = still;
  const client = createSyncClient(grpcJs.create(hub.address));
  onTestFinished(() => client.close());
  const event = { id: 'waiting', type: 'ProcessUpdated' };
  await collect(client.publish({ event, until: PublishUntil.ACCEPTED }));
  const streams = new HeldStreams();
  onTestFinished(() => streams.close());
  const order = { address: hub.address, perConnection: 500, waitingEventId: event.id };
  const beforeMb = await residentMb(hub.pid);
  await streams.add({ kind: 'idle', count: IDLE, ...order });
  expect((await residentMb(hub.pid)) - beforeMb).toBeLessThan(GROWTH_MAX_MB);
  await streams.add({ kind: 'active', count: ACTIVE, ...order });
  const { accepted } = await collect(
    client.publish({ event: { type: 'ProcessUpdated' }, until: PublishUntil.ACCEPTED }),
  );
  expect(accepted.adapters).toHaveLength(3);
  expect(streams.open).toBe(IDLE + ACTIVE);
  expect(hub.isRunning).toBe(true);
});
