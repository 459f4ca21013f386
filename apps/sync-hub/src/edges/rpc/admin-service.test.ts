import { describe, expect, it, vi } from 'vitest';
import type { Backups } from '../../operations/backups.ts';
import { openAdminTestHub, publishAll, rejectionOf } from './admin-hub.fixture.ts';

const reason = 'audit, says Dana';

describe('PauseAdapter and ResumeAdapter', () => {
  it('stop and go on, are kept, and name their reason', async () => {
    const hub = await openAdminTestHub();
    const saved = vi.spyOn(hub.journal, 'saveLanePause');
    await hub.admin.pauseAdapter({ adapter: 'billing', reason });
    expect([...hub.lanes][0]?.health()).toMatchObject({ state: 'paused', reason });
    expect(saved.mock.lastCall).toMatchObject([{ adapter: 'billing', pause: { reason } }]);
    await publishAll(hub, ['a']);
    expect(hub.attempts).toEqual([]);
    await hub.admin.resumeAdapter({ adapter: 'billing', reason: 'the audit is over' });
    await publishAll(hub, ['b']);
    expect(hub.attempts.map(({ event }) => event.id)).toEqual(['a', 'b']);
    expect(saved.mock.lastCall).toEqual([{ adapter: 'billing', pause: undefined }]);
    expect(hub.changes).toEqual([
      { change: 'pause', adapter: 'billing', reason },
      { change: 'resume', adapter: 'billing', reason: 'the audit is over' },
    ]);
  });

  it('say what they changed, and what was there before', async () => {
    const hub = await openAdminTestHub();
    const call = { adapter: 'billing', reason };
    expect(await hub.admin.resumeAdapter(call)).toMatchObject({ wasPaused: false, formerReason: '' });
    expect(await hub.admin.pauseAdapter(call)).toMatchObject({ wasPaused: false, formerReason: '' });
    const again = { adapter: 'billing', reason: 'it takes longer' };
    expect(await hub.admin.pauseAdapter(again)).toMatchObject({ wasPaused: true, formerReason: reason });
    expect(await hub.admin.resumeAdapter(call)).toMatchObject({ wasPaused: true, formerReason: again.reason });
    expect(await hub.admin.resumeAdapter(call)).toMatchObject({ wasPaused: false, formerReason: '' });
    // Where there was nothing to resume, nothing was changed by anybody.
    expect(hub.changes.map(({ change }) => change)).toEqual(['pause', 'pause', 'resume']);
  });

  it('put it on disk before the lane acts', async () => {
    const hub = await openAdminTestHub();
    hub.journal.control.hold();
    const pausing = hub.admin.pauseAdapter({ adapter: 'billing', reason });
    // A call that the hub answers after it took that one.
    await rejectionOf(hub.admin.pauseAdapter({ adapter: 'nobody', reason }));
    expect([...hub.lanes][0]?.health().state).toBe('ready');
    hub.journal.control.release();
    await pausing;
    expect([...hub.lanes][0]?.health().state).toBe('paused');
  });

  it('resume a lane that a refused credential paused, without a restart', async () => {
    let isRejected = true;
    const failure = { code: 'HTTP_401', message: 'the system answered 401' };
    const hub = await openAdminTestHub({
      adapters: {
        billing: () => (isRejected ? { kind: 'misconfigured', failure } : { kind: 'delivered', receipt: 'ok' }),
      },
    });
    await publishAll(hub, ['a']);
    expect([...hub.lanes][0]?.health().state).toBe('paused');
    isRejected = false;
    const resumed = await hub.admin.resumeAdapter({ adapter: 'billing', reason: 'the token is renewed' });
    expect(resumed).toMatchObject({ wasPaused: true, formerReason: 'HTTP_401: the system answered 401' });
    await publishAll(hub, []);
    expect((await hub.admin.listDeliveries({})).deliveries).toEqual([]);
  });

  it('refuse an adapter that there is not, and a change without a reason', async () => {
    const { admin } = await openAdminTestHub();
    const unknown = { code: 'NotFound', reason: 'ADAPTER_NOT_FOUND' };
    expect(await rejectionOf(admin.pauseAdapter({ adapter: 'nobody', reason }))).toMatchObject(unknown);
    expect(await rejectionOf(admin.resumeAdapter({ adapter: 'nobody', reason }))).toMatchObject(unknown);
    expect(await rejectionOf(admin.probeAdapter({ adapter: 'nobody' }))).toMatchObject(unknown);
    expect(await rejectionOf(admin.retryAdapter({ adapter: 'nobody' }))).toMatchObject(unknown);
    for (const change of [admin.pauseAdapter, admin.resumeAdapter]) {
      const rejection = await rejectionOf(change({ adapter: 'billing' }));
      expect(rejection).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['reason'] });
    }
    expect(await rejectionOf(admin.pauseAdapter({ reason }))).toMatchObject({ fields: ['adapter'] });
  });
});

describe('RetryAdapter', () => {
  it('ends a wait that the external system named, and says how many deliveries waited', async () => {
    const failure = { code: 'HTTP_503', message: 'the system answered 503' };
    let isUp = false;
    const hub = await openAdminTestHub({
      adapters: {
        billing: () =>
          isUp ? { kind: 'delivered', receipt: 'ok' } : { kind: 'retryable', failure, retryAfterMs: 3_600_000 },
      },
    });
    await publishAll(hub, ['a', 'b']);
    isUp = true;
    expect(await hub.admin.retryAdapter({ adapter: 'billing', reason })).toMatchObject({ retried: 2n });
    await publishAll(hub, []);
    expect((await hub.admin.listDeliveries({})).deliveries).toEqual([]);
    expect(await hub.admin.retryAdapter({ adapter: 'billing' })).toMatchObject({ retried: 0n });
    expect(hub.changes).toEqual([
      { change: 'retry', adapter: 'billing', deliveries: 2, reason },
      { change: 'retry', adapter: 'billing', deliveries: 0 },
    ]);
  });
});

describe('BackupJournal', () => {
  const withBackup = (make: Backups['make']) => openAdminTestHub({ deps: () => ({ backups: { make } }) });

  it('says where the copy is, and how large', async () => {
    const hub = await withBackup(async (name) => ({ kind: 'done', path: `/data/backups/${name}`, sizeBytes: 4_096 }));
    expect(await hub.admin.backupJournal({ path: '2026-01-31' })).toMatchObject({
      path: '/data/backups/2026-01-31',
      sizeBytes: 4_096n,
    });
    expect(hub.changes).toEqual([{ change: 'backup', path: '/data/backups/2026-01-31' }]);
  });

  it('passes on why there is none', async () => {
    const hub = await withBackup(async () => ({ kind: 'rejected', reason: '/data/backups/x is there already.' }));
    expect(await rejectionOf(hub.admin.backupJournal({ path: 'x' }))).toMatchObject({
      code: 'FailedPrecondition',
      reason: 'BACKUP_REFUSED',
      message: '/data/backups/x is there already.',
    });
    expect(hub.changes).toEqual([]);
  });

  it.each(['', '/backup/journal.db', '/root/.ssh/authorized_keys', '../x', 'a/b', '.hidden', '..', 'a\0b', 'a\nb'])(
    'refuses what is not a name, and says where backups are made: %j',
    async (path) => {
      const hub = await withBackup(async () => ({ kind: 'done', path: '/written', sizeBytes: 1 }));
      expect(await rejectionOf(hub.admin.backupJournal({ path }))).toMatchObject({
        code: 'InvalidArgument',
        fields: ['path'],
        message: expect.stringContaining('backups.folder'),
      });
      expect(hub.changes).toEqual([]);
    },
  );
});

describe('TailEvents', () => {
  it('reports events as they are accepted, without payload, and acks as they are recorded', async () => {
    const hub = await openAdminTestHub();
    const received: unknown[] = [];
    for await (const { happening } of hub.admin.tailEvents({ filter: { keys: ['x'] } })) {
      if (happening.case === undefined) await publishAll(hub, ['a'], 'x');
      else received.push(happening);
      if (received.length === 2) break;
    }
    expect(received).toMatchObject([
      { case: 'accepted', value: { id: 'a', key: 'x', payload: { case: undefined } } },
      { case: 'ack', value: { eventId: 'a', adapter: 'billing', receipt: 'ok' } },
    ]);
  });

  it('refuses more readers than may watch', async () => {
    const { admin } = await openAdminTestHub({
      deps: ({ operations }) => ({ operations: { ...operations, tail: { watch: () => undefined } as never } }),
    });
    const reading = (async () => {
      for await (const _ of admin.tailEvents({}));
    })();
    expect(await rejectionOf(reading)).toMatchObject({ code: 'ResourceExhausted', reason: 'TOO_MANY_AT_ONCE' });
  });
});
