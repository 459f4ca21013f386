import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Exchange } from '@hms-sync/adapter-sdk/stand-in';
import { expect, it } from 'vitest';
import { newCall } from '../test/new-call.ts';
import { type OpenCall, OpenCalls } from './open-calls.ts';

const incoming = new IncomingMessage(new Socket());

function openCall(key: string | null): OpenCall {
  return {
    call: newCall({ sequence: 1, key }),
    exchange: new Exchange(incoming, new ServerResponse(incoming), Buffer.of()),
    startedMs: 0,
  };
}

it('counts the open calls of each key, and keeps nothing of a key without open calls', () => {
  const calls = new OpenCalls();
  const [first, second, other, bare] = [openCall('p-1'), openCall('p-1'), openCall('p-2'), openCall(null)];
  for (const open of [first, second, other, bare]) calls.add(open);
  expect([calls.countFor('p-1'), calls.countFor('p-2'), calls.countFor('p-3'), calls.countFor(null)]).toEqual([
    2, 1, 0, 0,
  ]);
  expect(calls.remove(first)).toBe(true);
  expect(calls.remove(first)).toBe(false);
  expect(calls.countFor('p-1')).toBe(1);
  for (const open of [second, other, bare]) calls.remove(open);
  expect([...calls]).toEqual([]);
  expect(calls.keyCount).toBe(0);
});
