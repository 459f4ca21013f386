import type { DescMethodUnary, DescService } from '@bufbuild/protobuf';
import {
  type GetEventRequestSchema,
  type GetEventResponseSchema,
  SyncService,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openScene } from '../scene.ts';
import type { Stack } from '../stack.ts';
import { collect } from '../sync-client.ts';
import type { TransportKind } from '../transports/transport.ts';
import { expectUntouched, PAYLOAD_MARKER } from '../unharmed.ts';
import { describeBrokenBytes } from './broken-bytes.cases.ts';
import { wrongEvents } from './wrong-events.ts';

/** What a hub refuses over one transport, and that nothing comes of it. */
export function describeBadInput(kind: TransportKind, stack: () => Stack): void {
  describe(kind.name, () => {
    const scene = openScene(kind, stack);
    let expectNothing: () => Promise<void>;
    beforeAll(async () => {
      expectNothing = await expectUntouched(stack());
    });
    afterAll(() => expectNothing());

    const sayable = wrongEvents.filter(({ binaryOnly }) => !binaryOnly || kind.wire.codec === 'proto');

    describe('refuses', () => {
      test('a request without an event', async () => {
        const expected = { code: 'invalid_argument', reason: 'EVENT_INVALID', fields: ['event'] };
        await expect(scene.client.publishAndWait(undefined)).rejects.toMatchObject(expected);
      });

      test('with a message that reads the same over every transport', async () => {
        await expect(scene.client.publishAndWait({ type: '' })).rejects.toThrow(
          'event.type is required: name the kind of change, such as ProcessUpdated',
        );
      });

      test.for(sayable)('$title', async ({ event, code, reason, fields }) => {
        const error = await scene.client.publishAndWait(event).catch((caught: unknown) => caught);
        expect(error).toMatchObject({ code, reason, fields, domain: 'hms-sync' });
        expect(String(error)).not.toContain(PAYLOAD_MARKER);
      });

      test.runIf(kind.features.serverStreams).for(sayable)('$title, published by Publish', async (wrong) => {
        const { event, code, reason, fields } = wrong;
        await expect(collect(scene.client.publish({ event }))).rejects.toMatchObject({ code, reason, fields });
      });

      test.runIf(kind.features.bidiStreams)('each of these in one PublishStream, which continues', async () => {
        async function* batches() {
          for (const { event } of sayable) yield { events: [event, {}] };
        }
        const messages = await Array.fromAsync(scene.client.publishStream(batches()));
        const refused = messages.flatMap(({ results }) =>
          results.map(({ result }) => {
            if (result.case !== 'refused') return result.case;
            return { reason: result.value.reason, fields: result.value.fields.map(({ field }) => field) };
          }),
        );
        expect(refused).toEqual(
          sayable.flatMap(({ reason, fields }) => [
            { reason, fields },
            { reason: 'EVENT_INVALID', fields: ['event.type'] },
          ]),
        );
      });

      test('a method that does not exist', async () => {
        const call = scene.client.call(stranger({ methodName: 'Forget' }), {});
        await expect(call).rejects.toMatchObject({ code: 'unimplemented' });
      });

      test('a service that does not exist', async () => {
        const call = scene.client.call(stranger({ typeName: 'hms.sync.v2.SyncService' }), {});
        await expect(call).rejects.toMatchObject({ code: 'unimplemented' });
      });
    });

    describeBrokenBytes(scene);
  });
}

/** GetEvent under a name that the hub does not know. */
function stranger(names: {
  methodName?: string;
  typeName?: string;
}): DescMethodUnary<typeof GetEventRequestSchema, typeof GetEventResponseSchema> {
  const { methodName = 'GetEvent', typeName = SyncService.typeName } = names;
  const method = { ...SyncService.method.getEvent, name: methodName };
  const service: DescService = { ...SyncService, typeName, methods: [method] };
  return Object.assign(method, { parent: service });
}
