import { useDatabase } from '@hms-sync/testing/postgres';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Command, CommandResult, SharedJournal } from '../cluster-journal.ts';
import { BEGUN_WITHIN_S } from './hub-functions.ts';
import { openPostgresJournal } from './postgres-journal.ts';

const command = { adapter: 'billing', rpc: 'pauseAdapter', request: new Uint8Array([1, 2]), principal: 'ann' };

/** Two hubs, of which the second owns a lane. */
async function openHubs(): Promise<readonly [SharedJournal, SharedJournal]> {
  const url = await useDatabase();
  const journals: SharedJournal[] = [];
  onTestFinished(async () => {
    for (const journal of journals) await journal.close();
  });
  for (const name of ['asked', 'owner']) {
    const journal = await openPostgresJournal({ url });
    journals.push(journal);
    await journal.hubs.join({ name, version: '1.0.0' });
  }
  const [asked, owner] = journals as [SharedJournal, SharedJournal];
  for (const { hubs } of [asked, owner, asked]) {
    await hubs.pulse({ kind: 'pulse', number: 1, beat: true, isStopping: false }, []);
  }
  await owner.setReceivers(['billing']);
  const seen = { seenOwner: undefined, seenEpoch: 0, seenBeat: undefined, seenTimeline: 1 };
  await owner.hubs.claim({ kind: 'claim', number: 2, adapter: 'billing', epoch: 1, ...seen });
  return [asked, owner];
}

function serve({ hubs }: SharedJournal, run: (command: Command, signal: AbortSignal) => Promise<CommandResult>): void {
  hubs.serve({ lanes: () => ['billing'], run });
}

const never = new AbortController().signal;

it('brings a command to the hub that owns the lane, and its result back', async () => {
  const [asked, owner] = await openHubs();
  const got: Command[] = [];
  serve(asked, () => Promise.reject(new Error('it does not own the lane')));
  serve(owner, async (one) => {
    got.push({ ...one, request: new Uint8Array(one.request) });
    return got.length === 1
      ? { kind: 'answered', answer: new Uint8Array([3]) }
      : { kind: 'rejected', error: 'it may not' };
  });
  expect(await asked.hubs.ask(command, never)).toEqual({ kind: 'answered', answer: Buffer.from([3]) });
  expect(await asked.hubs.ask(command, never)).toEqual({ kind: 'rejected', error: 'it may not' });
  expect(got).toEqual([command, command]);
});

it('withdraws a command that nobody began in time', async () => {
  const [asked] = await openHubs();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const set = vi.spyOn(globalThis, 'setTimeout');
  const outcome = asked.hubs.ask(command, never);
  await vi.waitUntil(() => set.mock.calls.some(([, ms]) => ms === BEGUN_WITHIN_S * 1_000), { timeout: 20_000 });
  await vi.advanceTimersByTimeAsync(BEGUN_WITHIN_S * 1_000);
  expect(await outcome).toEqual({ kind: 'not_begun' });
});

it('ends what a hub carries out when its caller leaves', async () => {
  const [asked, owner] = await openHubs();
  const begun = Promise.withResolvers<AbortSignal>();
  serve(owner, (_, signal) => {
    begun.resolve(signal);
    return new Promise(() => undefined);
  });
  const caller = new AbortController();
  const outcome = asked.hubs.ask(command, caller.signal);
  const signal = await begun.promise;
  caller.abort();
  expect(await outcome).toEqual({ kind: 'unknown' });
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
});

it('does not know the result when the hub that began is gone', async () => {
  const [asked, owner] = await openHubs();
  const begun = Promise.withResolvers<void>();
  serve(owner, () => {
    begun.resolve();
    return new Promise(() => undefined);
  });
  const outcome = asked.hubs.ask(command, never);
  await begun.promise;
  await owner.hubs.leave();
  expect(await outcome).toEqual({ kind: 'unknown' });
});
