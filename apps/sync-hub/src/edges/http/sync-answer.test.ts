import { create } from '@bufbuild/protobuf';
import { type Ack, AckSchema, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { describe, expect, it } from 'vitest';
import type { Acceptance } from '../publishing/intake.ts';
import { syncAnswer } from './sync-answer.ts';

const acceptance: Acceptance = {
  event: {
    ...{ id: 'e-1', source: '', type: 'ProcessUpdated', key: '', timeMs: 0, dataContentType: '', attributes: {} },
    ...{ data: new Uint8Array(0), seq: 1, acceptedAtMs: 0, publishedBy: '', adapters: [] },
  },
  duplicate: false,
  place: new Map(),
  heldByKey: [],
};

function answerTo(settled: boolean, ...states: DeliveryState[]) {
  const acks: Ack[] = states.map((state, index) => create(AckSchema, { adapter: `a${index}`, state, attempt: 1 }));
  const { status, body } = syncAnswer(acceptance, { settled, acks });
  return { httpStatus: status, body };
}

describe('the answer about an accepted event', () => {
  const { DELIVERED, SKIPPED, DEAD_LETTERED, DISCARDED, RETRYING, HELD, WAITING } = DeliveryState;

  it.each([
    ['ok', 200, true, []],
    ['ok', 200, true, [DELIVERED, SKIPPED]],
    ['pending', 202, false, [DELIVERED, RETRYING]],
    ['pending', 202, false, [HELD, WAITING]],
    ['failed', 502, true, [DELIVERED, DEAD_LETTERED]],
    ['failed', 502, true, [DISCARDED]],
    // Waiting longer would not make it a success.
    ['failed', 502, false, [RETRYING, DEAD_LETTERED]],
  ] as const)('is %s with %i when settled is %s and the deliveries are %j', (status, httpStatus, settled, states) => {
    expect(answerTo(settled, ...states)).toMatchObject({ httpStatus, body: { status, event_id: 'e-1' } });
  });

  it('reports nothing of an adapter that is not so', () => {
    expect(answerTo(true, SKIPPED)).toMatchObject({ body: { adapters: { a0: { state: 'SKIPPED', attempt: 1 } } } });
    expect(JSON.stringify(answerTo(true, SKIPPED))).not.toMatch(/receipt|error|held_by|next_attempt_time/);
  });
});
