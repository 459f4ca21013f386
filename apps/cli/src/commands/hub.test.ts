import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AdapterState, HealthSchema } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, expect, test } from 'vitest';
import { captureTerminal } from '../../test/captured-terminal.ts';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';
import { adapterFacts, adapterJson, healthJson, healthLines } from '../health-report.ts';

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

const beatMs = Date.UTC(2026, 0, 2);

const health = create(HealthSchema, {
  hub: { name: 'clinic-a-61716e03', version: '1.0.0', accepting: true },
  hubs: [
    {
      name: 'clinic-a-61716e03',
      version: '1.0.0',
      lastBeatTime: timestampFromMs(beatMs),
      adapters: ['billing', 'lab'],
    },
    { name: 'clinic-b-e565ec68', version: '1.0.1', lastBeatTime: timestampFromMs(beatMs) },
  ],
  adapters: [
    {
      id: 'billing',
      state: AdapterState.READY,
      owner: { hub: 'clinic-a-61716e03', epoch: 7n, since: timestampFromMs(beatMs) },
    },
    { id: 'records', state: AdapterState.STARTING, reason: 'no owner since 21:32:10 UTC' },
  ],
});

test('hub list has a line for each hub', async () => {
  fake = await startFakeHub({ health: { getHealth: () => ({ health }) } });
  const { exitCode, stdout } = await runInProcess('hub', 'list', '--address', fake.address);
  expect(exitCode).toBe(ExitCode.ok);
  expect(stdout()).toMatch(/^HUB +VERSION +LAST BEAT +ADAPTERS\nclinic-a-61716e03 +1\.0\.0 +\S.* ago +billing, lab\n/);
  expect(stdout()).toMatch(/\nclinic-b-e565ec68 +1\.0\.1 +\S.* ago +-\n$/);
});

test('hub list --json also says which hub answered', async () => {
  fake = await startFakeHub({ health: { getHealth: () => ({ health }) } });
  const { stdout } = await runInProcess('hub', 'list', '--address', fake.address, '--json');
  expect(JSON.parse(stdout())).toMatchObject({
    answered_by: 'clinic-a-61716e03',
    hubs: [
      { name: 'clinic-a-61716e03', version: '1.0.0', last_beat_time: '2026-01-02T00:00:00.000Z' },
      { name: 'clinic-b-e565ec68', adapters: [] },
    ],
  });
});

test('hub list at a hub with a journal of its own says that there are no others', async () => {
  fake = await startFakeHub({ health: { getHealth: () => ({ health: { hub: health.hub } }) } });
  const { exitCode, stdout, stderr } = await runInProcess('hub', 'list', '--address', fake.address);
  expect([exitCode, stdout()]).toEqual([ExitCode.ok, '']);
  expect(stderr()).toContain('shares its journal with no others');
});

test('health shows which hub runs each adapter, and why one has none', () => {
  const { data } = captureTerminal();
  const text = healthLines(data, health, { nowMs: beatMs }).join('\n');
  expect(text).toContain('Hub clinic-a-61716e03, 1.0.0, accepting events');
  expect(text).toMatch(/billing +- +READY +clinic-a-61716e03 /);
  expect(text).toMatch(/records +- +STARTING +- /);
  expect(text).toContain('records: no owner since 21:32:10 UTC');
  const [billing] = health.adapters;
  if (billing === undefined) throw new Error('no adapter');
  expect(adapterFacts(data, billing, { nowMs: beatMs }).join('\n')).toMatch(/HUB +clinic-a-61716e03/);
  const owner = { hub: 'clinic-a-61716e03', epoch: 7, since: '2026-01-02T00:00:00.000Z' };
  expect(adapterJson(billing)).toMatchObject({ owner });
  expect(healthJson(health)).toMatchObject({ hub: { name: 'clinic-a-61716e03' }, hubs: [{ version: '1.0.0' }, {}] });
});
