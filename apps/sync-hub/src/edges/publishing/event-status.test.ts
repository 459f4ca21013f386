import { create } from '@bufbuild/protobuf';
import { DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { GetEventResponseSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { expect, it, vi } from 'vitest';
import { OPEN_PRINCIPAL, type Principal } from '../../access/principal.ts';
import type { Outcome } from '../../core/outcome.ts';
import { recordRequest, retrying } from '../../journal/suite/samples.fixture.ts';
import { readStatus } from './event-status.ts';
import { delivered, openTestHub, published, rejected, settleTurns, type TestHub, unwell } from './hub.fixture.ts';

/** A hub with one event at one adapter that answers so, and the status of the event then. */
async function statusAfter(outcome: Outcome, init: Parameters<typeof published>[0] = {}) {
  const hub = await openTestHub({ adapters: { billing: () => outcome } });
  await hub.intake.accept(published({ id: 'event-1', ...init }));
  await settleTurns();
  return { hub, ...(await statusOf(hub)) };
}

async function statusOf(hub: TestHub) {
  const status = await readStatus(hub, { id: 'event-1' }, OPEN_PRINCIPAL);
  return { ...status, response: create(GetEventResponseSchema, status.response) };
}

it('is refused for an event that nobody published, or that another source did', async () => {
  const hub = await openTestHub();
  const reasonOf = (source?: string) =>
    readStatus(hub, { id: 'event-1', source }, OPEN_PRINCIPAL).then(
      ({ response }) => response.event?.source,
      (error) => [error.reason, error.message],
    );
  const unknown = 'no event has the id "event-1", or it is past retention';
  expect(await reasonOf()).toEqual(['EVENT_NOT_FOUND', unknown]);
  await hub.intake.accept(published({ id: 'event-1', source: 'clinic-1' }));
  expect(await reasonOf()).toBe('clinic-1');
  const unknownOf = 'no event of the empty source has the id "event-1", or it is past retention';
  expect(await reasonOf('')).toEqual(['EVENT_NOT_FOUND', unknownOf]);
});

it('names who published it, but not to a publisher of the same source', async () => {
  const hub = await openTestHub({ starts: false });
  const grants = { sources: ['hms-api'] };
  const publisher: Principal = { ...OPEN_PRINCIPAL, kind: 'token', name: 'clinic-1', role: 'publisher', grants };
  const other: Principal = { ...publisher, kind: 'jwt', name: `${'x'.repeat(200)}\ud83d` };
  for (const [id, caller] of Object.entries({ mine: publisher, other })) {
    await hub.publishing.accept(published({ id, source: 'hms-api' }), caller);
  }
  const publisherOf = async (id: string, caller: Principal) =>
    (await readStatus(hub, { id }, caller)).response.publishedBy;
  const viewer: Principal = { ...publisher, role: 'viewer', grants: {} };
  expect(await publisherOf('mine', viewer)).toBe('token clinic-1');
  expect(await publisherOf('other', viewer)).toBe(`jwt ${'x'.repeat(124)}`);
  for (const id of ['mine', 'other']) expect(await publisherOf(id, publisher)).toBe('');
});

it('asks for the source when several have the id', async () => {
  const hub = await openTestHub();
  const sources = ['', 'clinic-1', 'clinic-2'];
  for (const source of sources) await hub.intake.accept(published({ id: 'event-1', source }));
  await expect(readStatus(hub, { id: 'event-1' }, OPEN_PRINCIPAL)).rejects.toMatchObject({
    reason: 'EVENT_AMBIGUOUS',
    message: 'several sources have an event with the id "event-1": "", "clinic-1", "clinic-2"; name one of them',
    fields: [{ field: 'source' }],
  });
  await settleTurns();
  for (const source of sources) {
    const { response, acks } = await readStatus(hub, { id: 'event-1', source }, OPEN_PRINCIPAL);
    expect(response.event?.source).toBe(source);
    expect(acks).toMatchObject([{ eventId: 'event-1', source }]);
  }
});

it('reports the event as it was accepted, its payload as bytes', async () => {
  const { response } = await statusAfter(delivered, {
    key: 'process-7',
    payload: { case: 'json', value: { b: 1, a: 2 } },
  });
  expect(response.event).toMatchObject({
    id: 'event-1',
    key: 'process-7',
    dataContentType: 'application/json',
    payload: { case: 'data', value: new TextEncoder().encode('{"a":2,"b":1}') },
  });
});

it('reports a delivery that was delivered, with its attempt and what the system answered', async () => {
  const { response, settled, acks } = await statusAfter(delivered);
  expect(settled).toBe(true);
  expect(acks).toMatchObject([{ state: DeliveryState.DELIVERED, receipt: 'ok', attempt: 1, cycle: 1 }]);
  expect(response.deliveries).toMatchObject([
    {
      latest: { adapter: 'billing', adapterVersion: '1.0.0' },
      idempotencyKey: 'event-1:billing',
      attempts: [{ number: 1, cycle: 1, outcome: OutcomeKind.DELIVERED, receipt: 'ok' }],
    },
  ]);
});

it('reports a delivery that is tried again, with when and why', async () => {
  const { settled, acks } = await statusAfter(unwell);
  expect(settled).toBe(false);
  expect(acks).toMatchObject([
    { state: DeliveryState.RETRYING, error: { kind: OutcomeKind.RETRYABLE, code: 'HTTP_503' }, nextAttemptTime: {} },
  ]);
});

it('reports a dead letter, with why', async () => {
  const { settled, acks } = await statusAfter(rejected);
  expect(settled).toBe(true);
  expect(acks).toMatchObject([
    { state: DeliveryState.DEAD_LETTERED, error: { kind: OutcomeKind.PERMANENT, code: 'HTTP_400' } },
  ]);
});

it('reports a delivery of a type that the adapter does not accept as skipped, without attempts', async () => {
  const { settled, acks, response } = await statusAfter(delivered, { type: 'Other' });
  expect(settled).toBe(true);
  expect(acks).toMatchObject([{ state: DeliveryState.SKIPPED, attempt: 0 }]);
  expect(response.deliveries[0]?.attempts).toEqual([]);
});

it('reports what holds a delivery that waits behind another of its key', async () => {
  const { hub } = await statusAfter(unwell, { key: 'process-7' });
  await hub.intake.accept(published({ id: 'event-2', key: 'process-7' }));
  await settleTurns();
  const behind = await readStatus(hub, { id: 'event-2' }, OPEN_PRINCIPAL);
  expect(behind.acks).toMatchObject([{ state: DeliveryState.HELD, heldBy: HeldBy.KEY, attempt: 0 }]);
});

it('reports what went wrong last also while the lane is held', async () => {
  const { hub } = await statusAfter(unwell);
  // What waits for its own next attempt is not held, until its window is gone: after a restart, say.
  expect((await statusOf(hub)).acks).toMatchObject([{ state: DeliveryState.RETRYING }]);
  vi.spyOn(hub.lanes, 'heldBy').mockReturnValue('breaker');
  expect((await statusOf(hub)).acks).toMatchObject([
    {
      state: DeliveryState.HELD,
      heldBy: HeldBy.BREAKER,
      attempt: 1,
      adapterVersion: '1.0.0',
      error: { code: 'HTTP_503' },
    },
  ]);
});

it('reports a delivery that waits for its turn as waiting, since it was accepted', async () => {
  const hub = await openTestHub({ adapters: { billing: () => new Promise(() => undefined) } });
  const { event } = await hub.intake.accept(published({ id: 'event-1' }));
  const { acks, settled, response } = await statusOf(hub);
  expect(settled).toBe(false);
  expect(acks).toMatchObject([{ state: DeliveryState.WAITING, attempt: 0, cycle: 1 }]);
  expect(acks[0]?.time).toEqual(response.acceptedTime);
  expect(Number(response.acceptedTime?.seconds)).toBe(Math.floor(event.acceptedAtMs / 1_000));
});

it('reports all adapters in alphabetical order, and settled only when each is', async () => {
  const hub = await openTestHub({ adapters: { records: () => unwell, billing: () => delivered } });
  await hub.intake.accept(published({ id: 'event-1' }));
  await settleTurns();
  const { acks, settled } = await statusOf(hub);
  expect(acks.map(({ adapter }) => adapter)).toEqual(['billing', 'records']);
  expect(settled).toBe(false);
});

it('reports the newest attempts, an equal share of each delivery, and that older ones are left out', async () => {
  const hub = await openTestHub({ adapters: { billing: () => delivered, records: () => delivered }, starts: false });
  const { event } = await hub.intake.accept(published({ id: 'event-1' }));
  for (let attempts = 1; attempts <= 1_000; attempts++)
    hub.journal.record(recordRequest(retrying(event, { attempts })));
  for (let attempts = 1; attempts <= 128; attempts++) {
    hub.journal.record(recordRequest(retrying(event, { adapter: 'records', attempts }), 2));
  }
  const { deliveries } = (await statusOf(hub)).response;
  const numbers = deliveries.map(({ attempts }) => attempts.map(({ number }) => number));
  expect(numbers.map(([first]) => first)).toEqual([873, 1]);
  expect(numbers.map((all) => all.at(-1))).toEqual([1_000, 128]);
  expect(deliveries.map(({ attemptsLeftOut }) => attemptsLeftOut)).toEqual([872, 0]);
});

it('counts of the attempts left out those of the oldest cycle that is reported, and at least one', async () => {
  const hub = await openTestHub({ adapters: { billing: () => delivered }, starts: false });
  const { event } = await hub.intake.accept(published({ id: 'event-1' }));
  for (let attempts = 1; attempts <= 300; attempts++) hub.journal.record(recordRequest(retrying(event, { attempts })));
  for (let attempts = 1; attempts <= 200; attempts++)
    hub.journal.record(recordRequest(retrying(event, { attempts, cycle: 2 })));
  expect((await statusOf(hub)).response.deliveries).toMatchObject([{ attemptsLeftOut: 244 }]);
  for (let attempts = 201; attempts <= 256; attempts++)
    hub.journal.record(recordRequest(retrying(event, { attempts, cycle: 2 })));
  expect((await statusOf(hub)).response.deliveries).toMatchObject([{ attemptsLeftOut: 1 }]);
});
