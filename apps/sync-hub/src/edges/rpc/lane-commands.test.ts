import { expect, it } from 'vitest';
import type { LaneOwnership } from '../../core/ownership-state.ts';
import type { Command, CommandOutcome, CommandServer } from '../../journal/cluster-journal.ts';
import { delivered, unwell } from '../publishing/hub.fixture.ts';
import { type AdminTestHub, openAdminTestHub, publishAll, rejectionOf } from './admin-hub.fixture.ts';

const NAMES = { billing: 'hub-a', lab: 'hub-b' } as const;

/** Two hubs, of which each has one lane, and commands that reach the other one at once. Each has events of its own. */
async function openCluster(outcome?: CommandOutcome) {
  const servers: CommandServer[] = [];
  const commands: Command[] = [];
  const ownerships: LaneOwnership[] = Object.entries(NAMES).map(([adapter, owner]) => ({
    ...{ kind: 'owned', adapter, owner, epoch: 1, sinceMs: 0 },
  }));
  const hubs = {
    serve: (server: CommandServer) => void servers.push(server),
    async ask(command: Command, signal: AbortSignal): Promise<CommandOutcome> {
      commands.push(command);
      const owner = servers.find((server) => server.lanes().includes(command.adapter));
      return outcome ?? (await owner?.run(command, signal)) ?? { kind: 'not_begun' };
    },
  };
  const open = (adapter: keyof typeof NAMES) =>
    openAdminTestHub({
      adapters: { [adapter]: () => (adapter === 'lab' ? unwell : delivered) },
      deps: () => ({ cluster: { hubs, ownerships } }),
      withoutCredential: 'everybody',
    });
  const a = await open('billing');
  const b = await open('lab');
  return { a, b, commands, ownerships };
}

const pausedOf = ({ lanes }: AdminTestHub, adapter: string) => lanes.get(adapter)?.health().pause;

it('has an adapter of another hub paused and resumed there, by whoever asked here', async () => {
  const { a, b, commands } = await openCluster();
  expect(await a.admin.pauseAdapter({ adapter: 'lab', reason: 'maintenance' })).toMatchObject({ wasPaused: false });
  expect(pausedOf(b, 'lab')).toBe('maintenance');
  expect(await a.admin.resumeAdapter({ adapter: 'lab', reason: 'it is over' })).toMatchObject({
    ...{ wasPaused: true, formerReason: 'maintenance' },
  });
  expect(pausedOf(b, 'lab')).toBeUndefined();
  expect(b.changes).toMatchObject([
    { change: 'pause', adapter: 'lab', reason: 'maintenance' },
    { change: 'resume', adapter: 'lab' },
  ]);
  expect(commands.map(({ principal }) => principal)).toEqual(['anyone', 'anyone']);
  expect(a.changes).toEqual([]);
  const audited = (await a.audited()).filter(({ event }) => event === 'request');
  expect(audited).toMatchObject([{ rpc: expect.stringMatching('PauseAdapter'), target: { adapter: 'lab' } }, {}]);
  expect((await b.audited()).filter(({ event }) => event === 'request')).toEqual([]);
});

it('does what is about a lane of its own itself', async () => {
  const { a, commands } = await openCluster();
  await a.admin.pauseAdapter({ adapter: 'billing', reason: 'maintenance' });
  expect(pausedOf(a, 'billing')).toBe('maintenance');
  expect(commands).toEqual([]);
});

it('answers as the hub that has the lane does, also when that refuses it', async () => {
  const { a, b } = await openCluster();
  await publishAll(b, ['one']);
  expect(await a.admin.retryAdapter({ adapter: 'lab' })).toMatchObject({ retried: 1n });
  const refused = await rejectionOf(a.admin.pauseAdapter({ adapter: 'lab', reason: '' }));
  expect(refused).toMatchObject({ code: 'InvalidArgument', reason: 'REQUEST_INVALID', fields: ['reason'] });
  expect(await rejectionOf(a.admin.restartAdapter({ adapter: 'lab' }))).toMatchObject({ reason: 'ADAPTER_REFUSED' });
});

it('knows the adapters of all hubs', async () => {
  const { a } = await openCluster();
  const { reason, message } = await rejectionOf(a.admin.pauseAdapter({ adapter: 'lap', reason: 'typo' }));
  expect([reason, message]).toEqual(['ADAPTER_NOT_FOUND', 'the hub has no adapter "lap"; it has billing, lab']);
});

it('asks nobody for a caller who may not do it', async () => {
  const { a, commands } = await openCluster();
  const grants = { adapters: ['billing'] };
  const { text } = await a.tokens.create({
    name: 'ann',
    role: 'operator',
    grants,
    createdBy: 'test',
    lifetimeMs: 60_000,
  });
  const headers = { authorization: `Bearer ${text}` };
  const call = a.admin.pauseAdapter({ adapter: 'lab', reason: 'maintenance' }, { headers });
  expect(await rejectionOf(call)).toMatchObject({ reason: 'PERMISSION_DENIED' });
  expect(commands).toEqual([]);
});

it('discards at each hub what waits there', async () => {
  const { a, b, commands } = await openCluster();
  await publishAll(b, ['one', 'two']);
  await a.admin.pauseAdapter({ adapter: 'billing', reason: 'maintenance' });
  await publishAll(a, ['three']);
  commands.length = 0;
  const filter = { types: ['ProcessUpdated'] };
  expect(await a.admin.discardDeliveries({ filter, dryRun: true })).toMatchObject({ discarded: 3n });
  expect(await a.admin.discardDeliveries({ filter, reason: 'not needed' })).toMatchObject({ discarded: 3n });
  expect(commands.map(({ adapter, rpc }) => [adapter, rpc])).toEqual(Array(2).fill(['lab', 'discardDeliveries']));
  expect(await rejectionOf(a.admin.discardDeliveries({ filter: {}, reason: 'everything' }))).toMatchObject({
    fields: ['filter'],
  });
  expect(commands).toHaveLength(2);
});

it('says that nothing was changed, or that this is unknown, when the other hub does not answer', async () => {
  const pause = { adapter: 'lab', reason: 'maintenance' };
  const { a } = await openCluster({ kind: 'not_begun' });
  expect(await rejectionOf(a.admin.pauseAdapter(pause))).toMatchObject({
    ...{ code: 'Unavailable', reason: 'OWNER_UNAVAILABLE' },
    message: expect.stringMatching(/^hub-b has lab, and did not begin this within 10 s; nothing was changed/),
  });
  const { a: other } = await openCluster({ kind: 'unknown' });
  expect((await rejectionOf(other.admin.pauseAdapter(pause))).message).toMatch(/whether this was done is unknown/);
});

it('says when another hub will have the lane, and does not wait where none will', async () => {
  const { a, ownerships, commands } = await openCluster({ kind: 'not_begun' });
  const sinceMs = Date.UTC(2026, 0, 2, 21, 32, 10);
  const lane = { kind: 'no_owner', adapter: 'lab', epoch: 1, sinceMs } as const;
  ownerships[1] = { ...lane, takenOverByMs: sinceMs + 21_000 };
  const pause = { adapter: 'lab', reason: 'maintenance' };
  expect((await rejectionOf(a.admin.pauseAdapter(pause))).message).toMatch(
    /^lab has no owner since 21:32:10 UTC, taken over by 21:32:31 UTC at the latest; nothing was changed/,
  );
  ownerships[1] = { ...lane, takenOverByMs: undefined };
  expect((await rejectionOf(a.admin.pauseAdapter(pause))).message).toMatch(/no hub that lives can run it/);
  expect(commands).toHaveLength(1);
});

it('refuses to install, replace or remove adapters', async () => {
  const { a } = await openCluster();
  const calls = [
    a.admin.addAdapter({ package: 'adapter-lab', dryRun: true }),
    a.admin.upgradeAdapter({ adapter: 'billing', version: '2.0.0' }),
    a.admin.rollbackAdapter({ adapter: 'billing', reason: 'slow' }),
    a.admin.removeAdapter({ adapter: 'billing', reason: 'closed' }),
  ];
  for (const call of calls) {
    expect(await rejectionOf(call)).toMatchObject({
      ...{ code: 'FailedPrecondition', reason: 'ADAPTER_REFUSED' },
      message: expect.stringContaining('hms-sync.yaml of each hub'),
    });
  }
});
