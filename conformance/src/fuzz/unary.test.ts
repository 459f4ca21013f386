import { create, fromBinary, fromJsonString, toBinary, toJsonString } from '@bufbuild/protobuf';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import {
  type PublishAndWaitRequest,
  PublishAndWaitRequestSchema,
  type PublishAndWaitResponse,
  PublishAndWaitResponseSchema,
  SyncService,
  type WatchAcksResponse,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { first, present } from '../sync-client.ts';
import { connectHttp1, connectJson, grpcConnect, grpcWeb } from '../transports/connect-transport.ts';
import type { Wire } from '../transports/transport.ts';
import { callWire, pathOf } from '../wire.ts';
import { expectKept, saidBy } from './accepted-event.ts';
import { inTime } from './deadline.ts';
import { useFuzzedHub } from './fuzzed-hub.ts';
import { mutated, oddJson } from './mutation.ts';
import { expectRefusal } from './refusals.ts';
import { rightEvent } from './right-event.ts';
import { CASES_AT_ONCE, runs, TIMEOUT_MS } from './runs.ts';

const hub = useFuzzedHub();

const Request = PublishAndWaitRequestSchema;
const request = rightEvent.map((event) => create(Request, { event }));

function body({ protocol, codec }: Wire): fc.Arbitrary<Buffer> {
  if (codec === 'json') return oddJson(request.map((message) => toJsonString(Request, message)));
  const message = request.map((said) => Buffer.from(toBinary(Request, said)));
  if (protocol === 'connect') return mutated(message);
  // Half of the time the envelope fits what is in it, so that what is inside is looked at too.
  return fc.oneof(mutated(message).map(enveloped), mutated(message.map(enveloped)));
}

function enveloped(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([head, message]);
}

/** What was said, as the contract reads it. */
function decode({ protocol, codec }: Wire, bytes: Buffer): PublishAndWaitRequest {
  if (codec === 'json') return fromJsonString(Request, bytes.toString(), { ignoreUnknownFields: true });
  return fromBinary(Request, protocol === 'connect' ? bytes : bytes.subarray(5, 5 + bytes.readUInt32BE(1)));
}

function answer({ codec }: Wire, bytes: Buffer): PublishAndWaitResponse {
  const Response = PublishAndWaitResponseSchema;
  return codec === 'json' ? fromJsonString(Response, bytes.toString()) : fromBinary(Response, bytes);
}

describe('whatever is published', () => {
  const kinds = [grpcConnect, grpcWeb, connectHttp1, connectJson];

  test.for(kinds)('is rejected by field, or stored unchanged: $name', { timeout: TIMEOUT_MS }, async ({ wire }) => {
    let accepted = 0;
    let refused = 0;
    const cases = fc.array(body(wire), { minLength: CASES_AT_ONCE, maxLength: CASES_AT_ONCE });
    const property = fc.asyncProperty(cases, async (bodies) => {
      await Promise.all(
        bodies.map(async (bytes) => {
          const path = pathOf(SyncService.method.publishAndWait);
          const received = await inTime(callWire(hub.address, { wire, path, message: Buffer.of(), body: bytes }));
          if (received.error !== undefined) {
            refused += 1;
            return expectRefusal(received.error);
          }
          accepted += 1;
          const { eventId } = present(answer(wire, received.message).accepted);
          await expectKept(hub.client, eventId, saidBy(present(decode(wire, bytes).event)));
        }),
      );
    });
    await fc.assert(property, runs(0.1));
    expect(accepted).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });
});

describe('whatever is requested', () => {
  const { getEvent } = SyncService.method;
  const { listDeliveries, getJob } = AdminService.method;
  const methods = [getEvent, listDeliveries, getJob, HealthService.method.getHealth];

  test.for(methods)('of $name gets an answer or an error', { timeout: TIMEOUT_MS }, async (method) => {
    const right = fc.constantFrom(
      '{}',
      '{"id":"a"}',
      '{"filter":{"types":["a"],"since":"2026-01-01T00:00:00Z"},"pageSize":3,"pageToken":"a"}',
    );
    const cases = fc.array(oddJson(right), { minLength: CASES_AT_ONCE, maxLength: CASES_AT_ONCE });
    const property = fc.asyncProperty(cases, async (messages) => {
      await Promise.all(
        messages.map(async (message) => {
          const call = { wire: connectJson.wire, path: pathOf(method), message };
          const { error } = await inTime(callWire(hub.address, call));
          if (error !== undefined) expectRefusal(error);
        }),
      );
    });
    await fc.assert(property, runs(0.03));
  });

  test('from a cursor resumes there, or rejects it as not a cursor', { timeout: TIMEOUT_MS }, async () => {
    await hub.client.publishAndWait({ type: 'ProcessUpdated' });
    const { cursor: here } = await first(hub.client.watchAcks({}));
    const cursor = mutated(fc.constant(Buffer.from(here))).map((bytes) => bytes.toString());
    const cases = fc.array(cursor, { minLength: CASES_AT_ONCE, maxLength: CASES_AT_ONCE });
    const property = fc.asyncProperty(cases, async (cursors) => {
      await Promise.all(
        cursors.map(async (wanted) => {
          const received = await inTime(first(hub.client.watchAcks({ cursor: wanted }))).catch(
            (error: unknown) => error,
          );
          if (received instanceof Error) {
            expect(received).toMatchObject({ code: 'invalid_argument', reason: 'CURSOR_INVALID', fields: ['cursor'] });
          } else if (wanted !== '') {
            const { cursor, acks } = received as WatchAcksResponse;
            expect(acks).toEqual([]);
            expect(await first(hub.client.watchAcks({ cursor }))).toMatchObject({ acks: [], cursor });
          }
        }),
      );
    });
    await fc.assert(property, runs(0.04));
  });
});
