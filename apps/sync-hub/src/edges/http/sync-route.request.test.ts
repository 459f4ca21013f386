import { describe, expect, it } from 'vitest';
import { traceAttributes, waitMsOf } from './sync-route.ts';

describe('?wait', () => {
  it.each([
    ['/sync', 10_000],
    ['/sync?other=1', 10_000],
    ['/sync?wait=0s', 0],
    ['/sync?wait=5s&other=1', 5_000],
    ['/sync?wait=0.25s', 250],
    ['/sync?wait=60s', 60_000],
  ])('in %s means %i ms', (url, waitMs) => {
    expect(waitMsOf(url)).toBe(waitMs);
  });

  it.each(['61s', '60.5s', '100s', '-1s', '5', '5ms', '1e1s', '%00', ''])('is refused as %j', (wait) => {
    expect(() => waitMsOf(`/sync?wait=${wait}`)).toThrow('wait must be 0s to 60s, such as 5s');
  });
});

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('the trace of a request', () => {
  it('becomes attributes', () => {
    expect(traceAttributes({ traceparent })).toEqual({ traceparent });
    expect(traceAttributes({ traceparent, tracestate: 'a=1,b=2' })).toEqual({ traceparent, tracestate: 'a=1,b=2' });
  });

  it.each([
    ['two of them', { traceparent: `${traceparent}, ${traceparent}` }],
    ['another form', { traceparent: traceparent.toUpperCase() }],
    ['a state alone', { tracestate: 'a=1' }],
  ])('is passed over, never refused, when it is %s', (_what, headers) => {
    expect(traceAttributes(headers)).toEqual({});
  });

  it('loses a state that no attribute holds', () => {
    expect(traceAttributes({ traceparent, tracestate: `a=${'x'.repeat(1_024)}` })).toEqual({ traceparent });
  });
});
