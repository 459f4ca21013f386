import { describe, expect, it } from 'vitest';
import { traceAttributes } from './trace-headers.ts';

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
