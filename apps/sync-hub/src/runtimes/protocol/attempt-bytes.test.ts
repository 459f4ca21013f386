import { create, fromBinary } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DeliverRequestSchema } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DeliveryAttempt } from '../runtime.ts';
import { attemptOf } from '../suite/lab-adapter.fixture.ts';
import { deliverRequestBytes } from './attempt-bytes.ts';

/** The same request by the generated descriptors. */
function message(attempts: readonly { ref: bigint; attempt: DeliveryAttempt }[], aborted: readonly bigint[]) {
  const deliveries = attempts.map(({ ref, attempt }) => {
    const { event, idempotencyKey, number, redelivered, timeoutMs } = attempt;
    const { timeMs, seq: _seq, acceptedAtMs: _acceptedAtMs, publishedBy: _by, adapters: _adapters, ...fields } = event;
    return {
      ref,
      event: { ...fields, time: timestampFromMs(timeMs) },
      ...{ idempotencyKey, attempt: number, redelivered, timeout: durationFromMs(timeoutMs) },
    };
  });
  return create(DeliverRequestSchema, { deliveries, aborted: [...aborted] });
}

/** Around the lengths at which a varint takes one more byte, in one to three bytes a character. */
const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc
    .tuple(
      fc.constantFrom('a', 'é', '日', '\u{1f512}'),
      fc.constantFrom(42, 43, 63, 64, 126, 127, 128, 5_461, 5_462, 16_384),
    )
    .map(([character, count]) => character.repeat(count)),
);
const uint64 = fc.oneof(fc.bigInt({ min: 1n, max: 300n }), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }));
const attempt = fc.record({
  event: fc.record({
    ...{ id: text, source: text, type: text, key: text, dataContentType: text },
    timeMs: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
    data: fc.uint8Array({ maxLength: 20_000, size: 'max' }),
    attributes: fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }),
    ...{ seq: fc.constant(1), acceptedAtMs: fc.constant(1), publishedBy: text, adapters: fc.constant([]) },
  }),
  idempotencyKey: text,
  number: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  redelivered: fc.boolean(),
  timeoutMs: fc.integer({ min: 1, max: 86_400_000 }),
});

it('is what the generated descriptors read, whatever its texts, numbers and sizes are', () => {
  const numbered = fc.record({ ref: uint64, attempt });
  fc.assert(
    fc.property(fc.array(numbered, { maxLength: 3 }), fc.array(uint64, { maxLength: 200 }), (attempts, aborted) => {
      expect(fromBinary(DeliverRequestSchema, new Uint8Array(deliverRequestBytes(attempts, aborted)))).toEqual(
        message(attempts, aborted),
      );
    }),
  );
});

it('is empty when there is nothing to say', () => {
  expect(deliverRequestBytes([], [])).toHaveLength(0);
});

it('has the bytes of an event made once for all adapters of a turn', () => {
  let reads = 0;
  const { event, ...others } = attemptOf();
  const counted = new Proxy(event, {
    get: (target, name) => {
      if (name === 'data') reads += 1;
      return Reflect.get(target, name);
    },
  });
  const bytes = [1, 2, 3].map(() => deliverRequestBytes([{ ref: 1n, attempt: { event: counted, ...others } }], []));
  expect(bytes[2]).toEqual(bytes[0]);
  expect(reads).toBe(1);
});
