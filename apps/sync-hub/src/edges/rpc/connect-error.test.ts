import { Code, ConnectError, type UnaryRequest, type UnaryResponse } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { describe, expect, it } from 'vitest';
import { REQUEST_ERRORS, RequestError, type RequestErrorReason } from '../request-error.ts';
import { createErrorInterceptor, toConnectError, toRefusedMessage } from './connect-error.ts';

const full = new RequestError('READER_TOO_SLOW', 'too slow', {
  fields: [
    { field: 'event.key', description: 'is too long' },
    { field: 'event.type', description: 'is required' },
  ],
  retryAfterMs: 2_500,
  metadata: { cursor: '4bf92f35-7' },
});

/** The details of a status, by the names of their messages. */
const detailsOf = (error: ConnectError) => ({
  info: error.findDetails(ErrorInfoSchema),
  badRequest: error.findDetails(BadRequestSchema),
  retry: error.findDetails(RetryInfoSchema),
});

describe('a request error as a status', () => {
  it.each(Object.keys(REQUEST_ERRORS) as RequestErrorReason[])('has the code of its reason: %s', (reason) => {
    const error = toConnectError(new RequestError(reason, 'what, where, what to do'));
    expect(Code[error.code]?.replaceAll(/(?!^)([A-Z])/g, '_$1').toLowerCase()).toBe(REQUEST_ERRORS[reason].code);
    expect(error.rawMessage).toBe('what, where, what to do');
    const { info, badRequest, retry } = detailsOf(error);
    expect(info).toMatchObject([{ reason, domain: 'hms-sync', metadata: {} }]);
    expect(badRequest).toEqual([]);
    expect(retry).toEqual([]);
  });

  it('names each wrong field, when to try again, and what programs need', () => {
    const { info, badRequest, retry } = detailsOf(toConnectError(full));
    expect(info).toMatchObject([{ metadata: { cursor: '4bf92f35-7' } }]);
    expect(badRequest[0]?.fieldViolations).toMatchObject([
      { field: 'event.key', description: 'is too long', reason: 'READER_TOO_SLOW' },
      { field: 'event.type', description: 'is required' },
    ]);
    expect(retry).toMatchObject([{ retryDelay: { seconds: 2n, nanos: 500_000_000 } }]);
  });
});

it('says the same as the result of one event of a stream', () => {
  expect(toRefusedMessage(full)).toMatchObject({
    code: Code.Aborted,
    message: 'too slow',
    reason: 'READER_TOO_SLOW',
    fields: [{ field: 'event.key' }, { field: 'event.type' }],
    retryAfter: { seconds: 2n, nanos: 500_000_000 },
  });
  expect(toRefusedMessage(new RequestError('EVENT_INVALID', 'x'))).not.toHaveProperty('retryAfter');
});

describe('the interceptor', () => {
  const request = {} as UnaryRequest;
  const faults: unknown[] = [];
  const errorInterceptor = createErrorInterceptor((error) => faults.push(error));

  it('turns what a handler throws into its status', async () => {
    const rejected = errorInterceptor(() => Promise.reject(full))(request);
    await expect(rejected).rejects.toMatchObject({ code: Code.Aborted });
  });

  it('turns what a handler throws in the middle of a stream into its status, after what came before', async () => {
    async function* messages() {
      yield 1;
      throw full;
    }
    const answered = errorInterceptor(async () => ({ stream: true, message: messages() }) as never);
    const response = await answered(request);
    const received: unknown[] = [];
    const reading = (async () => {
      for await (const message of response.message as AsyncIterable<unknown>) received.push(message);
    })();
    await expect(reading).rejects.toMatchObject({ code: Code.Aborted });
    expect(received).toEqual([1]);
  });

  it('ends the handler when the caller leaves its stream', async () => {
    let ended = false;
    async function* messages() {
      try {
        yield 1;
        yield 2;
      } finally {
        ended = true;
      }
    }
    const response = await errorInterceptor(async () => ({ stream: true, message: messages() }) as never)(request);
    for await (const _message of response.message as AsyncIterable<unknown>) break;
    expect(ended).toBe(true);
  });

  it.each(['ERR_STREAM_PREMATURE_CLOSE', 'ERR_HTTP2_INVALID_STREAM', 'ECONNRESET', 'ECANCELED', 'ETIMEDOUT'])(
    'takes it for no fault of the hub that the caller goes: %s',
    async (code) => {
      const gone = Object.assign(new Error('Premature close'), { code });
      const rejected = errorInterceptor(() => Promise.reject(gone))(request);
      await expect(rejected).rejects.toMatchObject({ code: Code.Canceled, cause: gone });
      expect(faults).toEqual([]);
    },
  );

  it('reports a fault of the hub to the log alone', async () => {
    const fault = new TypeError('ZZPHI');
    const rejected = errorInterceptor(() => Promise.reject(fault))(request);
    await expect(rejected).rejects.toMatchObject({
      code: Code.Internal,
      rawMessage: expect.stringMatching(/^the hub failed;/),
    });
    expect(faults).toEqual([fault]);
  });

  it('leaves everything else as it is', async () => {
    const response = { stream: false, message: {} } as UnaryResponse;
    expect(await errorInterceptor(async () => response)(request)).toBe(response);
    const cancelled = new ConnectError('cancelled', Code.Canceled);
    await expect(errorInterceptor(() => Promise.reject(cancelled))(request)).rejects.toBe(cancelled);
  });
});
