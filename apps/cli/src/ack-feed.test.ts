import { Code, ConnectError } from '@connectrpc/connect';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { FakeHub, FakeHubPlan } from '../test/fake-hub.ts';
import { fakeHubOfTest } from '../test/fake-hub-of-test.ts';
import { followAcks, publishAndFollow } from './ack-feed.ts';
import { connectToHub, type HubClient } from './hub-client.ts';

async function startPair(plan?: FakeHubPlan): Promise<{ fake: FakeHub; hub: HubClient }> {
  const fake = await fakeHubOfTest(plan);
  const hub = connectToHub(fake.address);
  onTestFinished(() => hub.close());
  return { fake, hub };
}

async function publishTo(address: string): Promise<void> {
  const hub = connectToHub(address);
  for await (const _ of publishAndFollow(hub, { id: 'e-1', type: 'T' }, { until: PublishUntil.SETTLED }));
  hub.close();
}

const retried = [
  { state: DeliveryState.RETRYING, attempt: 1 },
  { state: DeliveryState.DELIVERED, attempt: 2 },
];
const acks = { billing: retried, records: retried, scheduling: retried };

describe('publishing and following', () => {
  test.each([0, 1, 2, 3, 4, 5])(
    'a connection that is lost after %d acks leaves no gap and brings no repeat',
    async (cut) => {
      const { fake, hub } = await startPair({ acks, cutAfterAcks: cut });
      const lost: ConnectError[] = [];
      const received: Ack[] = [];
      const steps = publishAndFollow(
        hub,
        { id: 'e-1', type: 'T' },
        { until: PublishUntil.SETTLED, onLost: (error) => lost.push(error) },
      );
      for await (const step of steps) if (step.kind === 'ack') received.push(step.ack);
      expect(received.map((ack) => ack.cursor)).toEqual(['1', '2', '3', '4', '5', '6']);
      expect(lost).toHaveLength(1);
      expect(fake.published).toHaveLength(1);
    },
  );

  test('with first-attempt, a lost connection is resumed only until each delivery was attempted', async () => {
    const { hub } = await startPair({ acks, cutAfterAcks: 1 });
    const received: string[] = [];
    const steps = publishAndFollow(hub, { id: 'e-1', type: 'T' }, { until: PublishUntil.FIRST_ATTEMPT });
    for await (const step of steps) if (step.kind === 'ack') received.push(step.ack.adapter);
    expect(received).toEqual(['billing', 'records', 'scheduling']);
  });

  test('an event that was not accepted is not published again automatically', async () => {
    let calls = 0;
    const { hub } = await startPair({
      sync: {
        // biome-ignore lint/correctness/useYield: it fails before its first message
        async *publish() {
          calls++;
          throw new ConnectError('shutting down', 14);
        },
      },
    });
    const steps = publishAndFollow(hub, { id: 'e-1', type: 'T' }, { until: PublishUntil.SETTLED });
    await expect(steps.next()).rejects.toThrow('shutting down');
    expect(calls).toBe(1);
  });
});

describe('following acks', () => {
  test('begins after the cursor', async () => {
    const { hub } = await startPair({ acks });
    await publishTo(hub.address);
    const received: string[] = [];
    for await (const ack of followAcks(hub, { eventIds: ['e-1'], cursor: '4' }, {})) received.push(ack.cursor);
    expect(received).toEqual(['5', '6']);
  });

  test('resumes from its cursor after the hub was restarted', async () => {
    const { fake, hub } = await startPair();
    await publishTo(fake.address);
    const stop = new AbortController();
    const received: string[] = [];
    let losses = 0;
    const options = { signal: stop.signal, onLost: () => losses++ };
    for await (const ack of followAcks(hub, { eventIds: [], cursor: '0' }, options)) {
      received.push(ack.cursor);
      if (received.length === 3) {
        await fake.close();
        // Its journal counts from 1 again, so a feed that resumes after 3 gets the last two of its five acks.
        const five = Array.from({ length: 5 }, () => ({ state: DeliveryState.DELIVERED }));
        const restarted = await fakeHubOfTest({ port: Number(new URL(fake.address).port), acks: { billing: five } });
        await publishTo(restarted.address);
      }
      if (received.length === 5) break;
    }
    expect(received).toEqual(['1', '2', '3', '4', '5']);
    expect(losses).toBeGreaterThan(0);
  });

  test('resumes from its cursor after the hub ended the stream of a reader that was too slow', async () => {
    const cursors: string[] = [];
    const { hub } = await startPair({
      sync: {
        async *watchAcks({ cursor }) {
          cursors.push(cursor);
          yield { acks: [{ eventId: 'e-1', cursor: `${cursor}+` }] };
          if (cursors.length === 1) throw new ConnectError('acks were not read in time', Code.Aborted);
        },
      },
    });
    const received: string[] = [];
    for await (const ack of followAcks(hub, { eventIds: ['e-1'], cursor: '1' }, {})) received.push(ack.cursor);
    expect(received).toEqual(['1+', '1++']);
    expect(cursors).toEqual(['1', '1+']);
  });

  test('ends with what the hub rejects', async () => {
    let calls = 0;
    const { hub } = await startPair({
      sync: {
        async *watchAcks() {
          calls++;
          yield { acks: [{ eventId: 'e-1', cursor: '1' }] };
          throw new ConnectError('no more', Code.ResourceExhausted);
        },
      },
    });
    const acks = followAcks(hub, { eventIds: [], cursor: '' }, {});
    await acks.next();
    await expect(acks.next()).rejects.toThrow('no more');
    expect(calls).toBe(1);
  });

  test('a hub that never responded is an error at once', async () => {
    const hub = connectToHub('http://127.0.0.1:1');
    onTestFinished(() => hub.close());
    await expect(followAcks(hub, { eventIds: [], cursor: '' }, {}).next()).rejects.toThrow(ConnectError);
  });
});
