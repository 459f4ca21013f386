import { create, toBinary } from '@bufbuild/protobuf';
import {
  type DeliverResponse,
  DeliverResponseSchema,
  DescribeResponseSchema,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { expect, it } from 'vitest';
import { readAnswer } from './adapter-client.ts';

const EIGHT_MEGABYTES = 8 * 1024 * 1024;

it('is read when it is as long as an answer can be', () => {
  const outcome = { ref: 1n, message: 'm'.repeat(1_024), receipt: 'r'.repeat(1_024), code: 'HTTP_503' };
  const outcomes = Array.from({ length: 2_048 }, (_, index) => ({ ...outcome, ref: BigInt(index) }));
  const answer: DeliverResponse = create(DeliverResponseSchema, { outcomes, credit: 2_048 });
  expect(readAnswer(DeliverResponseSchema, toBinary(DeliverResponseSchema, answer))).toEqual(answer);
});

it.each([
  // Field 1: an empty outcome, or an empty id; field 4: an empty event type; field 15: none that there is.
  ['of empty outcomes', DeliverResponseSchema, 0x0a],
  ['of empty event types', DescribeResponseSchema, 0x22],
  ['of unknown members', DeliverResponseSchema, 0x78],
  ['of members in one outcome', DeliverResponseSchema, 0x78, [0x0a, 0xfb, 0xff, 0xff, 0x03]],
])('is refused, and soon, when it is a heap %s', (_what, schema, tag, head: readonly number[] = []) => {
  const bytes = new Uint8Array(EIGHT_MEGABYTES);
  bytes.set(head);
  for (let index = head.length; index < bytes.length; index += 2) bytes[index] = tag;
  const before = process.cpuUsage();
  expect(() => readAnswer(schema, bytes)).toThrow('holds more than 65536 fields');
  // Made, they would take 1,700 ms. Of the processor's time: how long that is beside other work says nothing.
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(600);
});

it('keeps nothing that it does not know', () => {
  const nested = Uint8Array.of(0x0a, 4, 0x08, 7, 0x78, 1);
  expect(readAnswer(DeliverResponseSchema, nested).outcomes).toEqual([
    create(DeliverResponseSchema, { outcomes: [{ ref: 7n }] }).outcomes[0],
  ]);
});
