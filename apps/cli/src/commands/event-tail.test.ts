import type { MessageInitShape } from '@bufbuild/protobuf';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { TailEventsRequest, TailEventsResponseSchema } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { describe, expect, test } from 'vitest';
import { type FakeHub, fakeTime } from '../../test/fake-hub.ts';
import { fakeHubOfTest } from '../../test/fake-hub-of-test.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

const happenings: MessageInitShape<typeof TailEventsResponseSchema>[] = [
  {},
  { happening: { case: 'accepted', value: { id: 'e-1', type: 'ProcessUpdated', key: 'p-1', time: fakeTime } } },
  {
    happening: {
      case: 'ack',
      value: { eventId: 'e-1', adapter: 'billing', state: DeliveryState.DELIVERED, attempt: 1, time: fakeTime },
    },
  },
  { happening: { case: 'missed', value: 7n } },
];

async function startTail(): Promise<{ fake: FakeHub; requests: TailEventsRequest[] }> {
  const requests: TailEventsRequest[] = [];
  const fake = await fakeHubOfTest({
    admin: {
      async *tailEvents(request) {
        requests.push(request);
        yield* happenings;
      },
    },
  });
  return { fake, requests };
}

describe('hms-sync event tail', () => {
  test('prints events as they happen, and how many were dropped, until the hub ends the stream', async () => {
    const { fake, requests } = await startTail();
    const run = await runInProcess('event', 'tail', '--adapter', 'billing', '--address', fake.address);
    expect(run.stdout()).toBe(
      [
        '2026-01-02T03:04:05Z  e-1  ACCEPTED  ProcessUpdated of p-1',
        '2026-01-02T03:04:05Z  e-1  billing       DELIVERED      attempt 1',
        '',
      ].join('\n'),
    );
    expect(run.stderr()).toContain('(7 skipped: they arrived faster than they were read)');
    expect(run.exitCode).toBe(ExitCode.noAnswer);
    expect(requests).toMatchObject([{ filter: { adapters: ['billing'] } }]);
  });

  test('gives one JSON object per line', async () => {
    const { fake } = await startTail();
    const run = await runInProcess('event', 'tail', '--jsonl', '--address', fake.address);
    expect(run.jsonLines()).toMatchObject([
      { kind: 'accepted', event_id: 'e-1', key: 'p-1' },
      { kind: 'ack', event_id: 'e-1', state: 'DELIVERED' },
      { kind: 'missed', missed: 7 },
    ]);
  });
});
