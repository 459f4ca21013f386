import { randomUUID } from 'node:crypto';
import { create, toBinary, toJson } from '@bufbuild/protobuf';
import { DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEvent } from '@hms-sync/proto/hms/sync/v1/event';
import {
  type PublishAndWaitRequest,
  PublishAndWaitRequestSchema,
  SyncService,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, test } from 'vitest';
import { ADAPTERS } from '../acks.ts';
import type { Scene } from '../scene.ts';
import { type EventInit, present } from '../sync-client.ts';
import { callWire, pathOf } from '../wire.ts';

/** What a stand-in should have got, to the last byte, except for the order of what has none. */
function bodyOf(event: EventInit, payload: string, more = ''): string {
  const { type, id, source = '', key = '' } = event;
  const head = `{"type":${JSON.stringify(type)},"payload":${payload},${more}"id":${JSON.stringify(id)}`;
  return `${head},"source":${JSON.stringify(source)},"key":${JSON.stringify(key)},"time":"2026-11-23T10:00:00.000Z"}`;
}

/** Field 100: five bytes. */
const unknownField = Buffer.from([0xa2, 0x06, 0x05, 1, 2, 3, 4, 5]);

function jsonOf(request: PublishAndWaitRequest, more: object) {
  const { event, ...rest } = toJson(PublishAndWaitRequestSchema, request) as { event: object };
  return { ...rest, event: { ...event, ...more } };
}

/** The bytes that an event carries, whatever kind of array the transport made of them. */
function hexOf({ payload }: SyncEvent): string | undefined {
  return payload.case === 'data' ? Buffer.from(payload.value).toString('hex') : payload.case;
}

export function describeEvents(scene: Scene): void {
  describe('an event', () => {
    const newEvent = () => ({
      id: randomUUID(),
      source: 'hms-api',
      type: 'ProcessUpdated',
      key: 'p-äöü',
      time: { seconds: BigInt(Date.parse('2026-11-23T10:00:00Z') / 1_000) },
    });

    async function arrived(event: EventInit, body: string): Promise<void> {
      await scene.client.publishAndWait(event);
      const calls = scene.stack.sandbox.calls({ eventId: present(event.id) });
      expect(calls.map(({ system }) => system).sort()).toEqual(ADAPTERS);
      for (const call of calls) {
        expect(call.body).toEqual(JSON.parse(body));
        expect(call.bodySizeBytes).toBe(Buffer.byteLength(body));
      }
    }

    test('published as JSON arrives at every system with sorted names, and GetEvent returns the same bytes', async () => {
      const event = newEvent();
      const value = { z: [1.5, null, true], a: { 'ü"\\': 'x\n' }, n: -0.000001 };
      const json = '{"a":{"ü\\"\\\\":"x\\n"},"n":-0.000001,"z":[1.5,null,true]}';
      await arrived({ ...event, payload: { case: 'json', value } }, bodyOf(event, json));
      const stored = present((await scene.client.getEvent(event.id)).event);
      expect(hexOf(stored)).toBe(Buffer.from(json).toString('hex'));
      expect(stored.dataContentType).toBe('application/json');
    });

    test('published as bytes of JSON arrives as it was written', async () => {
      const event = newEvent();
      const json = '{ "b": 1e2, "a" : 12345678901234567890.123 , "c":"\\u00e4" }';
      await arrived({ ...event, payload: { case: 'data', value: Buffer.from(json) } }, bodyOf(event, json));
    });

    test('published as other bytes arrives byte for byte', async () => {
      const event = { ...newEvent(), dataContentType: 'application/octet-stream' };
      const bytes = Uint8Array.from({ length: 1_000 }, (_, index) => (index * 31) % 256);
      const encoding = '"payloadEncoding":"base64","payloadContentType":"application/octet-stream",';
      const body = bodyOf(event, `"${Buffer.from(bytes).toString('base64')}"`, encoding);
      await arrived({ ...event, payload: { case: 'data', value: bytes } }, body);
      const stored = present((await scene.client.getEvent(event.id)).event);
      expect(hexOf(stored)).toBe(Buffer.from(bytes).toString('hex'));
    });

    test('of the largest size is accepted', async () => {
      const event = { ...newEvent(), dataContentType: 'application/octet-stream' };
      const { settled } = await scene.client.publishAndWait({
        ...event,
        payload: { case: 'data', value: new Uint8Array(256 * 1024) },
      });
      expect(settled).toBe(true);
    });

    test('with fields of a newer contract is accepted without them', async () => {
      const { kind, stack, client } = scene;
      const event = newEvent();
      const request = create(PublishAndWaitRequestSchema, { event });
      const message =
        kind.wire.codec === 'json'
          ? JSON.stringify({ ...jsonOf(request, { color: 'red' }), priority: 7 })
          : Buffer.concat([toBinary(PublishAndWaitRequestSchema, request), unknownField]);
      const path = pathOf(SyncService.method.publishAndWait);
      const answer = await callWire(stack.hub.address, { wire: kind.wire, path, message: Buffer.from(message) });
      expect(answer.error).toBeUndefined();
      expect((await client.getEvent(event.id)).event).toMatchObject({ type: event.type, key: event.key });
    });

    test('GetEvent returns every field and every attempt', async () => {
      const { client, stack } = scene;
      const event = {
        ...newEvent(),
        attributes: { tenant: 'north', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
      };
      await stack.sandbox.setFault('records', { status: 503, times: 2, match: { eventId: event.id } });
      await client.publishAndWait(event);
      const { event: stored, acceptedTime, deliveries } = await client.getEvent(event.id);
      expect(stored).toMatchObject({ ...event, payload: { case: undefined } });
      expect(Math.abs(Number(acceptedTime?.seconds) * 1_000 - Date.now())).toBeLessThan(60_000);
      expect(deliveries.map(({ latest }) => [latest?.adapter, latest?.state])).toEqual(
        ADAPTERS.map((adapter) => [adapter, DeliveryState.DELIVERED]),
      );
      const records = present(deliveries[1]);
      expect(
        records.attempts.map(({ number, cycle, outcome, error }) => [number, cycle, outcome, error?.code]),
      ).toEqual([
        [1, 1, OutcomeKind.RETRYABLE, 'HTTP_503'],
        [2, 1, OutcomeKind.RETRYABLE, 'HTTP_503'],
        [3, 1, OutcomeKind.DELIVERED, undefined],
      ]);
      expect(records.latest).toMatchObject({ attempt: 3, receipt: records.attempts[2]?.receipt });
      const calls = stack.sandbox.calls({ eventId: event.id });
      for (const { latest, idempotencyKey, attempts } of deliveries) {
        const mine = calls.filter(({ system }) => system === latest?.adapter);
        expect(mine.map((call) => [call.idempotencyKey, call.attempt])).toEqual(
          attempts.map(({ number }) => [idempotencyKey, number]),
        );
        expect(mine.every((call) => call.traceparent === event.attributes.traceparent)).toBe(true);
      }
    });

    test('that was not published is NOT_FOUND', async () => {
      await expect(scene.client.getEvent(randomUUID())).rejects.toMatchObject({
        code: 'not_found',
        reason: 'EVENT_NOT_FOUND',
        domain: 'hms-sync',
      });
    });

    test('cannot be requested without an id', async () => {
      await expect(scene.client.getEvent('')).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'REQUEST_INVALID',
        fields: ['id'],
      });
    });
  });
}
