import { expect, it } from 'vitest';
import { AuditPlace, SmallDisk } from './audit/audit.fixture.ts';
import type { ReloadResult } from './config/config-reload.ts';
import { reloadByHangUp } from './hang-up.ts';

async function hangUp(result: ReloadResult | Error, { isFull = false } = {}) {
  const place = new AuditPlace();
  const disk = new SmallDisk();
  disk.isFull = isFull;
  const audit = await place.open({ openFile: disk.openFile });
  const errors: string[] = [];
  let reloads = 0;
  const run = async () => {
    reloads += 1;
    if (result instanceof Error) throw result;
    return result;
  };
  const log = { info: () => undefined, error: (_facts: object, what: string) => void errors.push(what) };
  await reloadByHangUp({ reload: { run }, audit, log: log as never });
  return { records: isFull ? [] : place.records(), errors, reloads };
}

const DECISION = {
  ...{ event: 'request', decision: 'allowed', permission: 'access.manage' },
  ...{ principal: { kind: 'signal', name: 'SIGHUP', role: 'admin' }, rpc: 'hms.sync.v1.AccessService/Reload' },
};

it.each([
  [
    'what changed',
    { kind: 'reloaded', changed: ['auth.jwt'], needsRestart: ['listen'], warnings: [] },
    { code: 'OK', result: { changed: ['auth.jwt'], needs_restart: ['listen'] } },
  ],
  ['that the file is wrong', { kind: 'rejected', reason: 'secret' }, { code: 'CONFIG_INVALID', result: {} }],
] as const)('the audit log has the decision and the outcome: %s', async (_what, result, outcome) => {
  const { records, errors } = await hangUp(result);
  expect(records).toMatchObject([DECISION, { event: 'outcome', of: 1, principal: DECISION.principal, ...outcome }]);
  expect(JSON.stringify(records)).not.toContain('secret');
  expect(errors).toEqual([]);
});

it('a fault is recorded and logged, and does not end the hub', async () => {
  const { records, errors } = await hangUp(new Error('a fault'));
  expect(records).toMatchObject([DECISION, { code: 'HUB_FAILED' }]);
  expect(errors).toHaveLength(1);
});

it('what cannot be recorded is not done', async () => {
  const { reloads, errors } = await hangUp({ kind: 'rejected', reason: '' }, { isFull: true });
  expect(reloads).toBe(0);
  expect(errors).toHaveLength(1);
});
