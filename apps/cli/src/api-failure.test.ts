import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { describe, expect, test } from 'vitest';
import { apiFailure, codeName } from './api-failure.ts';
import { ExitCode } from './failure.ts';
import { connectToHub } from './hub-client.ts';

const address = 'http://127.0.0.1:7003';

describe('a failed call', () => {
  test('names the code, the reason, the message and each wrong field', () => {
    const error = new ConnectError('the event is refused', Code.InvalidArgument, undefined, [
      { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason: 'EVENT_INVALID', domain: 'hms-sync' }) },
      {
        desc: BadRequestSchema,
        value: create(BadRequestSchema, {
          fieldViolations: [{ field: 'event.type', description: 'is required, such as ProcessUpdated' }],
        }),
      },
    ]);
    const failure = apiFailure(error, address, 'ask again');
    expect(failure.message).toBe(
      'INVALID_ARGUMENT (EVENT_INVALID): the event is refused\n  event.type: is required, such as ProcessUpdated',
    );
    expect(failure.exitCode).toBe(ExitCode.usage);
  });

  test('does not repeat the message, and treats any rejected field as wrong usage', () => {
    const description = 'is 300002 bytes, at most 262144 are taken';
    const badRequest = create(BadRequestSchema, { fieldViolations: [{ field: 'event.data', description }] });
    const error = new ConnectError(`event.data ${description}`, Code.ResourceExhausted, undefined, [
      { desc: BadRequestSchema, value: badRequest },
    ]);
    const failure = apiFailure(error, address, 'ask again');
    expect(failure.message).toBe(`RESOURCE_EXHAUSTED: event.data ${description}`);
    expect(failure.exitCode).toBe(ExitCode.usage);
  });

  test('reports when to try again', () => {
    const retryInfo = create(RetryInfoSchema, { retryDelay: durationFromMs(2_000) });
    const error = new ConnectError('the disk is full', Code.ResourceExhausted, undefined, [
      { desc: RetryInfoSchema, value: retryInfo },
    ]);
    expect(apiFailure(error, address, 'ask again').message).toBe(
      'RESOURCE_EXHAUSTED: the disk is full\n  Try again in 2s.',
    );
  });

  test('escapes control characters of quoted texts', () => {
    expect(apiFailure(new ConnectError('bad\u001b[2J', Code.NotFound), address, 'ask again').message).toBe(
      'NOT_FOUND: bad\\u001b[2J',
    );
  });

  test('names the address without a hub, and how to start one', async () => {
    const hub = connectToHub('http://127.0.0.1:1');
    const error: unknown = await hub.health.getHealth({}).catch((thrown) => thrown);
    hub.close();
    const failure = apiFailure(error, hub.address, 'ask again');
    expect(failure.message).toMatch(/^no hub answers at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/);
    expect(failure.message).toContain('hms-sync start');
    expect(failure.exitCode).toBe(ExitCode.noAnswer);
  });

  test('reports a certificate that is not trusted, and how to trust it', () => {
    const cause = Object.assign(new Error('unable to verify'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    const error = new ConnectError('unable to verify', Code.Internal, undefined, undefined, cause);
    const failure = apiFailure(error, 'https://hub.example:7003', 'ask again');
    expect(failure.message).toMatch(/^the certificate of the hub at https:\/\/hub\.example:7003 is not trusted/);
    expect(failure.message).toContain('--ca <ca.pem>');
    expect(failure.exitCode).toBe(ExitCode.noAnswer);
  });

  test('asks for https when the hub resets a connection without TLS', () => {
    const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    const error = new ConnectError('read ECONNRESET', Code.Unavailable, undefined, undefined, cause);
    expect(apiFailure(error, address, 'ask again').message).toContain('write https:// in --address');
    expect(apiFailure(error, 'https://hub.example', 'ask again').message).not.toContain('write https://');
  });

  test('reports a canceled call as a hub that stopped', () => {
    const failure = apiFailure(new ConnectError('This operation was aborted', Code.Canceled), address, 'ask again');
    expect(failure.message).toMatch(/^the hub at http:\/\/127\.0\.0\.1:7003 ended the call without a response/);
    expect(failure.message).not.toContain('CANCELED');
    expect(failure.exitCode).toBe(ExitCode.noAnswer);
  });

  test('has the advice of its command when the result of the call is unknown', () => {
    const failure = apiFailure(new ConnectError('it stops', Code.Unavailable), address, 'ask again');
    expect(failure.message).toBe('UNAVAILABLE: it stops\n  ask again');
  });

  test('treats an unknown name as wrong usage', () => {
    expect(apiFailure(new ConnectError('no event has the id "x"', Code.NotFound), address, 'ask again').exitCode).toBe(
      ExitCode.usage,
    );
  });

  test('every status code is written as the gRPC documentation writes it', () => {
    expect([Code.Canceled, Code.DeadlineExceeded, Code.DataLoss].map(codeName)).toEqual([
      'CANCELED',
      'DEADLINE_EXCEEDED',
      'DATA_LOSS',
    ]);
  });
});
