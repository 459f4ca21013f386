import fc from 'fast-check';
import { expect } from 'vitest';
import { ADAPTERS } from '../acks.ts';
import { present, type SyncClient } from '../sync-client.ts';
import { type Command, command } from './command.ts';
import type { ModelEvent } from './model.ts';

/** Fails unless the hub knows the event as it was published, with a delivery for each adapter. */
export async function expectKnown(client: SyncClient, { id, type, key, json }: ModelEvent) {
  const { event, deliveries } = await client.getEvent(id);
  expect(event).toMatchObject({ id, type, key, source: 'stateful', dataContentType: 'application/json' });
  const { payload } = present(event);
  expect(payload.case === 'data' && JSON.parse(Buffer.from(payload.value).toString())).toEqual(json);
  expect(deliveries.map(({ latest }) => latest?.adapter)).toEqual(ADAPTERS);
  for (const { attempts } of deliveries) {
    for (const cycle of Map.groupBy(attempts, (attempt) => attempt.cycle).values()) {
      expect(cycle.map(({ number }) => number)).toEqual(cycle.map((_, index) => index + 1));
    }
  }
  return deliveries;
}

const lookAt = fc.nat(1_000).map((which) =>
  command(`look at event ${which}`, { when: ({ accepted }) => accepted.length > 0 }, async (model, { client }) => {
    await expectKnown(client, model.pick(which));
  }),
);

/** What somebody asks. */
export const looking: fc.Arbitrary<Command>[] = [lookAt];
