import { DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { JobState } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { describe, expect, it } from 'vitest';
import { OPEN_PRINCIPAL } from '../../access/principal.ts';
import type { Outcome } from '../../core/outcome.ts';
import { readStatus } from '../publishing/event-status.ts';
import { delivered, rejected, settleTurns } from '../publishing/hub.fixture.ts';
import { openAdminTestHub, publishAll, rejectionOf, untilEnded } from './admin-hub.fixture.ts';

const reason = 'billing takes them again, says Dana';

/** billing refuses everything until it is fixed. */
async function open() {
  let outcome = rejected;
  const hub = await openAdminTestHub({ adapters: { billing: () => outcome } });
  return Object.assign(hub, {
    fix() {
      outcome = delivered;
    },
  });
}

const filter = { adapters: ['billing'] };

describe('ReplayDeliveries', () => {
  it('counts first, then sends exactly those, in the order of their key, each in a cycle of its own', async () => {
    const hub = await open();
    const ids = ['a', 'b', 'c', 'd'];
    await publishAll(hub, ids, 'x');
    hub.fix();
    const { job: counted } = await hub.admin.replayDeliveries({ filter, dryRun: true });
    expect(counted).toMatchObject({ id: '', state: JobState.DONE, matched: 4n, sent: 4n });
    const { job } = await hub.admin.replayDeliveries({ filter, reason, ratePerSecond: 10_000 });
    expect(job).toMatchObject({ state: JobState.RUNNING, matched: 4n, sent: 0n, reason, ratePerSecond: 10_000 });
    const ended = await untilEnded(hub, job);
    expect(ended).toMatchObject({ state: JobState.DONE, sent: 4n });
    expect(ended.filter).toMatchObject({ adapters: ['billing'], states: [DeliveryState.DEAD_LETTERED] });
    await settleTurns();
    expect(hub.attempts.slice(4).map(({ event }) => event.id)).toEqual(ids);
    const { deliveries } = await hub.admin.listDeliveries({ filter: { states: [DeliveryState.DELIVERED] } });
    expect(deliveries.map(({ latest }) => latest?.cycle)).toEqual([2, 2, 2, 2]);
    expect(await hub.admin.getJob({ id: job?.id ?? '' })).toMatchObject({ job: ended });
    expect(hub.changes).toEqual([{ change: 'replay', reason, job: job?.id, deliveries: 4 }]);
    expect(hub.reports).toEqual([{ job: job?.id, state: 'done', sent: 4 }]);
  });

  it('leaves out what was replayed before and what a newer event has overtaken, unless asked not to', async () => {
    const hub = await open();
    await publishAll(hub, ['again'], '');
    await untilEnded(hub, (await hub.admin.replayDeliveries({ filter, reason })).job);
    await settleTurns();
    await publishAll(hub, ['stale'], 'x');
    hub.fix();
    await publishAll(hub, ['newer'], 'x');
    const counts = async (include: object) => {
      const { job } = await hub.admin.replayDeliveries({ filter, dryRun: true, ...include });
      return [job?.matched, job?.skippedStale, job?.skippedReplayed, job?.sent];
    };
    expect(await counts({})).toEqual([2n, 1n, 1n, 0n]);
    expect(await counts({ includeStale: true })).toEqual([2n, 0n, 1n, 1n]);
    expect(await counts({ includeReplayed: true })).toEqual([2n, 1n, 0n, 1n]);
    expect(await counts({ includeStale: true, includeReplayed: true })).toEqual([2n, 0n, 0n, 2n]);
  });

  it('does not let one follow a newer event of its key that is on its way, and says so where it is looked for', async () => {
    const running = Promise.withResolvers<Outcome>();
    const answers = [rejected, running.promise];
    const hub = await openAdminTestHub({ adapters: { billing: () => answers.shift() ?? delivered } });
    await publishAll(hub, ['older', 'newer'], 'x');
    const { job: counted } = await hub.admin.replayDeliveries({ filter, dryRun: true });
    expect(counted).toMatchObject({ sent: 1n, skippedStale: 0n });
    await untilEnded(hub, (await hub.admin.replayDeliveries({ filter, reason })).job);
    await settleTurns();
    expect((await readStatus(hub, { id: 'older' }, OPEN_PRINCIPAL)).acks).toMatchObject([
      { state: DeliveryState.WAITING, cycle: 2 },
    ]);
    running.resolve(delivered);
    await settleTurns();
    const error = { kind: OutcomeKind.UNSPECIFIED, code: 'NOT_SENT', message: expect.stringContaining('newer event') };
    const ack = { state: DeliveryState.DEAD_LETTERED, attempt: 0, cycle: 2, adapterVersion: '', error };
    const { deliveries } = await hub.admin.listDeliveries({ filter: { eventIds: ['older'] } });
    expect(deliveries).toMatchObject([{ latest: ack }]);
    expect((await readStatus(hub, { id: 'older' }, OPEN_PRINCIPAL)).acks).toMatchObject([ack]);
    expect((await readStatus(hub, { id: 'older' }, OPEN_PRINCIPAL)).response.deliveries).toMatchObject([
      { attempts: [{ cycle: 1 }] },
    ]);
    // The newer one was delivered; the older one was not replayed before, for it was not sent.
    const again = await hub.admin.replayDeliveries({ filter, reason });
    expect(await untilEnded(hub, again.job)).toMatchObject({ sent: 0n, skippedStale: 1n, skippedReplayed: 0n });
    await untilEnded(hub, (await hub.admin.replayDeliveries({ filter, reason, includeStale: true })).job);
    await settleTurns();
    expect(hub.attempts.map(({ event }) => event.id)).toEqual(['older', 'newer', 'older']);
  });

  it.each<[string, object]>([
    ['filter', { reason }],
    ['filter', { reason, filter: {} }],
    ['reason', { filter }],
    ['rate_per_second', { filter, reason, ratePerSecond: 10_001 }],
    ['filter.states', { filter: { states: [DeliveryState.RETRYING] }, reason }],
  ])('refuses a request without the right %s', async (field, request) => {
    const hub = await open();
    expect(await rejectionOf(hub.admin.replayDeliveries(request))).toMatchObject({
      code: 'InvalidArgument',
      reason: 'REQUEST_INVALID',
      fields: [field],
    });
  });

  it('refuses more jobs than may run', async () => {
    const hub = await open();
    await publishAll(
      hub,
      Array.from({ length: 20 }, (_, index) => `event-${index}`),
    );
    const request = { filter, reason, ratePerSecond: 1, includeReplayed: true };
    const jobs = await Promise.all(Array.from({ length: 8 }, () => hub.admin.replayDeliveries(request)));
    expect(await rejectionOf(hub.admin.replayDeliveries(request))).toMatchObject({
      code: 'ResourceExhausted',
      reason: 'TOO_MANY_AT_ONCE',
    });
    for (const { job } of jobs) await hub.admin.cancelJob({ id: job?.id ?? '' });
  });
});

describe('a job', () => {
  it('is reported on each change until an operator cancels it', async () => {
    const hub = await open();
    await publishAll(hub, ['a', 'b', 'c']);
    const { job } = await hub.admin.replayDeliveries({ filter, reason, ratePerSecond: 1 });
    const id = job?.id ?? '';
    const states: JobState[] = [];
    for await (const received of hub.admin.watchJob({ id })) {
      states.push(received.job?.state ?? 0);
      if (received.job?.sent === 1n && received.job.state === JobState.RUNNING) {
        const ended = { job: { state: JobState.CANCELLED, sent: 1n } };
        expect(await hub.admin.cancelJob({ id })).toMatchObject({ ...ended, wasRunning: true });
        expect(await hub.admin.cancelJob({ id })).toMatchObject({ ...ended, wasRunning: false });
      }
    }
    expect(states.at(-1)).toBe(JobState.CANCELLED);
    expect(hub.changes.at(-1)).toEqual({ change: 'cancel', job: id, deliveries: 1 });
  });

  it('whose hub stops says so to who watches it', async () => {
    const hub = await open();
    await publishAll(hub, ['a', 'b', 'c']);
    const { job } = await hub.admin.replayDeliveries({ filter, reason, ratePerSecond: 1 });
    const watched = untilEnded(hub, job);
    await hub.operations.stop();
    expect(await rejectionOf(watched)).toMatchObject({ code: 'Unavailable', reason: 'HUB_STOPPING' });
  });

  it('that there is not, is refused', async () => {
    const { admin } = await open();
    const watch = async () => {
      for await (const _ of admin.watchJob({ id: 'x' }));
    };
    for (const call of [() => admin.getJob({ id: 'x' }), () => admin.cancelJob({ id: 'x' }), watch]) {
      expect(await rejectionOf(call())).toMatchObject({ code: 'NotFound', reason: 'JOB_NOT_FOUND' });
    }
    expect(await rejectionOf(admin.getJob({}))).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['id'] });
  });
});
