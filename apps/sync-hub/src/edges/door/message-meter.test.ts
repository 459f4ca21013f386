import { array, assert, integer, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFramedMeter, createWholeMeter, isFramed } from './message-meter.ts';

const framed = (...sizes: readonly number[]) =>
  Buffer.concat(
    sizes.map((size) => {
      const message = Buffer.alloc(5 + size, 0xff);
      message[0] = 0;
      message.writeUInt32BE(size, 1);
      return message;
    }),
  );

describe('a framed body', () => {
  it('has nothing unfinished between its messages', () => {
    const meter = createFramedMeter();
    expect(meter.measure(framed(10, 0, 300))).toBe(0);
    expect(meter.measure(framed(7))).toBe(0);
  });

  it('has what came of a message that is not whole, its frame too', () => {
    const meter = createFramedMeter();
    expect(meter.measure(framed(4, 1_000).subarray(0, 9 + 105))).toBe(105);
    expect(meter.measure(new Uint8Array(900))).toBe(0);
  });

  it('counts the same however its chunks are cut', () => {
    const cuts = array(integer({ min: 1, max: 40 }), { maxLength: 30 });
    const sizes = array(integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 8 });
    assert(
      property(sizes, cuts, (messages, steps) => {
        const body = framed(...messages);
        const meter = createFramedMeter();
        let at = 0;
        for (const step of [...steps, body.length]) {
          const chunk = body.subarray(at, at + step);
          at = Math.min(body.length, at + step);
          let wholeTo = 0;
          for (const size of messages)
            if (wholeTo + 5 + size <= at) wholeTo += 5 + size;
            else break;
          expect(meter.measure(chunk)).toBe(at - wholeTo);
        }
      }),
    );
  });

  it('accepts any bytes', () => {
    assert(property(uint8Array({ maxLength: 400 }), (bytes) => createFramedMeter().measure(bytes) >= 0));
  });
});

it('a body that is one message is unfinished until its end', () => {
  const meter = createWholeMeter();
  expect([meter.measure(new Uint8Array(5)), meter.measure(new Uint8Array(7))]).toEqual([5, 12]);
});

it.each([
  ['application/grpc', true],
  ['application/grpc+proto', true],
  ['application/grpc-web+proto', true],
  ['application/connect+json', true],
  ['application/json', false],
  ['application/proto', false],
  ['', false],
])('%s is framed: %s', (contentType, expected) => {
  expect(isFramed(contentType)).toBe(expected);
});
