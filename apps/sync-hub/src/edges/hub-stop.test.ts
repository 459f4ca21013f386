import { expect, it } from 'vitest';
import { HubStop, throwIfStopping } from './hub-stop.ts';
import { RequestError } from './request-error.ts';

function thrown(signal: AbortSignal, cursor?: string): unknown {
  try {
    throwIfStopping(signal, cursor);
    return undefined;
  } catch (error) {
    return error;
  }
}

it('the waiting of a caller ends when the hub stops, with the reason and the cursor', () => {
  const stop = new HubStop();
  const signal = stop.endsWith(new AbortController().signal);
  expect(thrown(signal)).toBeUndefined();
  stop.begin();
  expect(signal.aborted).toBe(true);
  expect(thrown(signal)).toMatchObject({ reason: 'HUB_STOPPING', retryAfterMs: 2_000, metadata: {} });
  expect(thrown(signal, 'c-7')).toMatchObject({ reason: 'HUB_STOPPING', metadata: { cursor: 'c-7' } });
  expect(thrown(signal, 'c-7')).toBeInstanceOf(RequestError);
});

it('a caller who comes while the hub stops does not wait', () => {
  const stop = new HubStop();
  stop.begin();
  expect(thrown(stop.endsWith(new AbortController().signal))).toMatchObject({ reason: 'HUB_STOPPING' });
});

it('nothing is sent to a caller who has gone, also when the hub stops then', () => {
  const stop = new HubStop();
  const caller = new AbortController();
  const gone = AbortSignal.abort('gone');
  const signals = [stop.endsWith(caller.signal), stop.endsWith(gone)];
  caller.abort('gone');
  stop.begin();
  expect(signals.map((signal) => signal.reason)).toEqual(['gone', 'gone']);
  expect(signals.map((signal) => thrown(signal))).toEqual([undefined, undefined]);
});
