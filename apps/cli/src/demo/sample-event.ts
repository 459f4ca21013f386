import { randomUUID } from 'node:crypto';
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import type { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';

/** The changed process of the demo: a clinic offers appointments by video. */
const PROCESS_ID = 'appointment-workflow';

/** The payload of the sample event. */
export const SAMPLE_PAYLOAD: JsonObject = {
  processId: PROCESS_ID,
  name: 'Appointment workflow',
  change: 'A telehealth slot was added',
  slots: [
    { kind: 'in-person', durationMinutes: 30, room: 'required' },
    { kind: 'telehealth', durationMinutes: 20, room: 'none', billingCode: 'TELEHEALTH-20' },
  ],
};

/** The sample event with a new id. */
export function sampleEvent(): MessageInitShape<typeof SyncEventSchema> {
  return {
    id: randomUUID(),
    source: 'hms-api',
    type: 'ProcessUpdated',
    key: PROCESS_ID,
    time: timestampNow(),
    payload: { case: 'json', value: SAMPLE_PAYLOAD },
  };
}

/** A command line that publishes another change of the same process, to paste into a shell. */
export function curlLine(hubAddress: string): string {
  const body = JSON.stringify({
    type: 'ProcessUpdated',
    payload: { processId: PROCESS_ID, change: 'A second telehealth slot was added' },
  });
  return `curl ${hubAddress}/sync -H 'content-type: application/json' -d '${body}'`;
}
