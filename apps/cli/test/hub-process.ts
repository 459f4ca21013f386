// Stands in for @hms-sync/sync-hub/main: the same command line, ready line, log lines, exit codes and end.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { create } from '@bufbuild/protobuf';
import { DeliveryErrorSchema, DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { type FakeHubPlan, type PlannedAck, startFakeHub } from './fake-hub.ts';
import { leaveTrace } from './traces.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { config: text, listen: text, 'data-dir': text, dev: { type: 'boolean' } } });
if (!existsSync(values.config ?? '')) throw new Error('there is no configuration file');
const port = Number(values.listen?.replace('127.0.0.1:', ''));

const delivered: PlannedAck[] = [{ state: DeliveryState.DELIVERED, attempt: 1, receipt: 'taken' }];
const error = create(DeliveryErrorSchema, { kind: OutcomeKind.RETRYABLE, code: 'HTTP_503', message: 'unavailable' });

function planOf(mode: string | undefined): FakeHubPlan {
  switch (mode) {
    case 'billing is down':
      return {
        acks: {
          billing: [{ state: DeliveryState.RETRYING, attempt: 3, error }],
          records: delivered,
          scheduling: delivered,
        },
      };
    case 'billing refuses':
      return {
        acks: {
          billing: [{ state: DeliveryState.DEAD_LETTERED, attempt: 1, error }],
          records: delivered,
          scheduling: delivered,
        },
      };
    case 'crashes on publish':
      return {
        sync: {
          // biome-ignore lint/correctness/useYield: it ends the process before its first message
          async *publish() {
            console.error('hms-sync: the disk failed; nothing was accepted');
            process.exit(1);
          },
        },
      };
    default:
      return {};
  }
}

leaveTrace('hub', 'began');
const mode = process.env.FAKE_HUB_MODE;
if (mode === 'port is taken') {
  console.error(`hms-sync: cannot listen on 127.0.0.1:${port}: the port is in use`);
  process.exit(3);
}
if (mode === 'never ready') {
  // As a hub that still opens its journal: it does not look at its parent yet.
  setInterval(() => undefined, 60_000);
} else {
  const hub = await startFakeHub({ ...planOf(mode), port });
  process.on('disconnect', async () => {
    await hub.close();
    leaveTrace('hub', 'ended');
    process.exit(0);
  });
  if (mode === 'logs') {
    console.error('{"level":30,"time":1,"pid":7,"msg":"listening"}');
    console.error('{"level":40,"time":1,"pid":7,"msg":"a slow commit","commitMs":812}');
    console.error('a line that is no JSON');
  }
  console.log(JSON.stringify({ ready: true, address: hub.address, pid: process.pid, version: '0.1.0' }));
}
