import { EventEmitter } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { create, fromBinary } from '@bufbuild/protobuf';
import { type ClientDuplexStream, status } from '@grpc/grpc-js';
import {
  DeliverRequestSchema,
  type DeliverResponse,
  DeliverResponseSchema,
  OutcomeKind,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { expect, it, onTestFinished, vi } from 'vitest';
import { attemptOf, never } from '../suite/lab-adapter.fixture.ts';
import { DeliveryStream } from './delivery-stream.ts';

/** An adapter's end of the stream, as far as the hub uses it. */
class FakeCall extends EventEmitter {
  readonly sentIds: (string | undefined)[] = [];
  /** Of payload, in each message. */
  readonly sizesBytes: number[] = [];

  cancelled = 0;

  cancel(): void {
    this.cancelled += 1;
  }

  write(bytes: Buffer): boolean {
    const { deliveries } = fromBinary(DeliverRequestSchema, bytes);
    this.sizesBytes.push(deliveries.reduce((sum, { event }) => sum + (event?.data.byteLength ?? 0), 0));
    this.sentIds.push(...deliveries.map(({ event }) => event?.id));
    return true;
  }

  answer({ delivered = [], credit = 0 }: { delivered?: readonly bigint[]; credit?: number }): void {
    const outcomes = delivered.map((ref) => ({ ref, kind: OutcomeKind.DELIVERED }));
    this.emit('data', create(DeliverResponseSchema, { outcomes, credit }));
  }
}

function open() {
  const call = new FakeCall();
  const ended: bigint[] = [];
  const whys: string[] = [];
  const stream = new DeliveryStream({
    call: call as unknown as ClientDuplexStream<Buffer, DeliverResponse>,
    onEnd: (why) => whys.push(why),
    onOutcome: (ref) => ended.push(ref),
  });
  return { call, stream, ended, whys };
}

it('settles an attempt only by an outcome that comes after it was sent', async () => {
  const { call, stream, ended } = open();
  const outcome = stream.deliver(attemptOf(), never());
  await setImmediate();
  call.answer({ delivered: [1n] });
  expect({ ended, sentIds: call.sentIds, inFlight: stream.inFlight }).toEqual({ ended: [], sentIds: [], inFlight: 0 });

  call.answer({ credit: 1 });
  await setImmediate();
  expect({ ended, sentIds: call.sentIds, inFlight: stream.inFlight }).toEqual({
    ended: [],
    sentIds: ['event-1'],
    inFlight: 1,
  });

  call.answer({ delivered: [1n] });
  expect(await outcome).toMatchObject({ kind: 'delivered' });
  expect({ ended, inFlight: stream.inFlight }).toEqual({ ended: [1n], inFlight: 0 });
});

it('sends what comes together in messages of at most a megabyte of payloads, and a larger event alone', async () => {
  const { call, stream } = open();
  call.answer({ credit: 9 });
  for (const kibibytes of [400, 400, 400, 1_500, 1]) {
    const event = { ...attemptOf().event, data: new Uint8Array(kibibytes * 1_024) };
    void stream.deliver({ ...attemptOf(), event }, never());
  }
  await setImmediate();
  expect(call.sizesBytes.map((sizeBytes) => sizeBytes / 1_024)).toEqual([800, 400, 1_500, 1]);
});

it('takes an outcome and a credit for each attempt, each in a message of its own, for as long as there are attempts', async () => {
  const { call, stream, whys } = open();
  call.answer({ credit: 1 });
  for (let ref = 1n; ref <= 3_000n; ref += 1n) {
    const outcome = stream.deliver(attemptOf(), never());
    await setImmediate();
    call.answer({ delivered: [ref] });
    call.answer({ credit: 1 });
    expect(await outcome).toMatchObject({ kind: 'delivered' });
  }
  expect(whys).toEqual([]);
});

it.each([
  ['messages that say nothing', {}],
  ['credit', { credit: 2 ** 32 - 1 }],
  ['outcomes of attempts that it does not have', { delivered: [7n, 8n, 9n] }],
])('ends when an adapter sends %s without end', (_what, answer) => {
  const { call, whys } = open();
  for (let count = 0; count < 10_000; count += 1) call.answer(answer);
  expect({ whys, cancelled: call.cancelled > 0 }).toEqual({
    whys: ['the adapter sent more than it was asked for'],
    cancelled: true,
  });
});

it('hands back what waits too long also behind one that may wait for longer', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { stream } = open();
  const outcomes: string[] = [];
  for (const timeoutMs of [8_000, 1_000])
    void stream.deliver(attemptOf({ timeoutMs }), never()).then(({ kind }) => outcomes.push(`${timeoutMs} ${kind}`));
  await vi.advanceTimersByTimeAsync(252);
  expect(outcomes).toEqual(['1000 not_run']);
});

it('does not repeat what an adapter says of its end: that may hold a payload', () => {
  const { call, whys } = open();
  call.emit('error', { code: status.UNKNOWN, details: 'Exception iterating responses: no patient Ada Byron' });
  expect(whys).toEqual(['it ended with UNKNOWN']);
});

it('hands back what waits too long for credit as not sent, and sends what still has its time', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { call, stream } = open();
  call.answer({ credit: 1 });
  const outcomes: string[] = [];
  const deliver = (id: string, timeoutMs: number) =>
    void stream
      .deliver({ ...attemptOf(), event: { ...attemptOf().event, id }, timeoutMs }, never())
      .then(({ kind }) => outcomes.push(`${id} ${kind}`));
  deliver('sent', 1_000);
  deliver('impatient', 1_000);
  deliver('patient', 8_000);
  await vi.advanceTimersByTimeAsync(249);
  expect(outcomes).toEqual([]);
  await vi.advanceTimersByTimeAsync(2);
  expect(outcomes).toEqual(['impatient not_run']);
  await vi.advanceTimersByTimeAsync(1_000);
  call.answer({ delivered: [1n], credit: 1 });
  await vi.advanceTimersByTimeAsync(1);
  expect({ outcomes, sentIds: call.sentIds }).toEqual({
    outcomes: ['impatient not_run', 'sent delivered'],
    sentIds: ['sent', 'patient'],
  });
});
