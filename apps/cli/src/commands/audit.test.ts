import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ListAuditRequest } from '@hms-sync/proto/hms/sync/v1/audit_service';
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

const call = {
  principal: { kind: 'token', name: 'hms-ops' },
  address: '10.0.0.4',
  rpc: 'hms.sync.v1.AdminService/PauseAdapter',
};
const time = '2026-11-28T12:00:00.000Z';
const records = [
  { seq: 1, time, event: 'start', target: { version: '0.1.0' } },
  { seq: 2, time, event: 'request', decision: 'allowed', ...call, target: { adapter: 'billing' }, reason: 'INC-7' },
  { seq: 3, time, event: 'outcome', of: 2, ...call, code: 'OK' },
  { seq: 4, time, event: 'request', decision: 'refused', why: 'PERMISSION_DENIED', ...call },
  { seq: 5, time, event: 'request', decision: 'allowed', ...call, target: { adapter: '\u202elab' } },
  { seq: 6, time, event: 'credentials', address: '10.0.0.9', refused: { CREDENTIAL_REFUSED: 500 } },
];
const lines = records.map((record) => JSON.stringify(record).replace('\u202e', '\\u202e'));

/** A hub with these records, a page of two at a time. */
async function useHub(): Promise<{ address: string; requests: ListAuditRequest[] }> {
  const requests: ListAuditRequest[] = [];
  fake = await startFakeHub({
    audit: {
      listAudit: (request) => {
        requests.push(request);
        const from = Number(request.pageToken || '0');
        const isLast = from + 2 >= lines.length;
        return { records: lines.slice(from, from + 2), nextPageToken: isLast ? '' : String(from + 2) };
      },
    },
  });
  return { address: fake.address, requests };
}

describe('hms-sync audit list', () => {
  test('shows a row for each change, with its outcome, of the last day where nothing else is asked for', async () => {
    const { address, requests } = await useHub();
    const run = await runInProcess('audit', 'list', '--address', address);
    expect(
      run
        .stdout()
        .split('\n')
        .map((line) => line.replace(/ {2,}/g, ' | ')),
    ).toEqual([
      'TIME | WHO | WHAT | RESULT | ABOUT | REASON',
      '2026-11-28T12:00:00Z | - | start | {"version":"0.1.0"}',
      '2026-11-28T12:00:00Z | hms-ops | PauseAdapter | OK | {"adapter":"billing"} | INC-7',
      '2026-11-28T12:00:00Z | hms-ops | PauseAdapter | PERMISSION_DENIED',
      '2026-11-28T12:00:00Z | hms-ops | PauseAdapter | no outcome | {"adapter":"\\u202elab"}',
      '2026-11-28T12:00:00Z | 10.0.0.9 | credentials | {"CREDENTIAL_REFUSED":500}',
      '',
    ]);
    expect(run.stderr()).toContain('6 records in the last 24 hours');
    const since = requests[0]?.since;
    expect(Math.abs(Date.now() - 86_400_000 - (since ? timestampMs(since) : 0))).toBeLessThan(60_000);
  });

  test('asks for what is selected, and shows the newest', async () => {
    const { address, requests } = await useHub();
    const selection = [
      '--since',
      '2026-11-01T00:00:00Z',
      '--until',
      '2026-12-01T00:00:00Z',
      '--principal',
      'a',
      '--principal',
      'b',
    ];
    const run = await runInProcess('audit', 'list', ...selection, '--limit', '1', '--jsonl', '--address', address);
    expect(run.jsonLines()).toEqual([records[5]]);
    expect(run.stderr()).toContain('6 records; these are the newest 1');
    expect(requests).toMatchObject([{ principals: ['a', 'b'] }, { pageToken: '2' }, { pageToken: '4' }]);
  });

  test('says so when there is nothing', async () => {
    fake = await startFakeHub({ audit: { listAudit: () => ({}) } });
    const run = await runInProcess('audit', 'list', '--address', fake.address);
    expect(run.stdout()).toBe('Nothing was recorded in that time.\n');
    const asJson = await runInProcess('audit', 'list', '--json', '--address', fake.address);
    expect(asJson.stdout()).toBe('[]\n');
  });
});

test('hms-sync audit export prints every record, byte by byte as it is on disk', async () => {
  const { address, requests } = await useHub();
  const run = await runInProcess('audit', 'export', '--address', address);
  expect(run.stdout()).toBe(lines.map((line) => `${line}\n`).join(''));
  expect(requests[0]?.since).toBeUndefined();
});

describe('hms-sync audit verify', () => {
  const last = { lastSeq: 6n, lastHash: 'ab12' };

  test('exits with 0 for a log that is whole, and hands the checkpoint on', async () => {
    const checkpoints: string[] = [];
    fake = await startFakeHub({
      audit: {
        verifyAudit: ({ checkpoint }) => {
          checkpoints.push(checkpoint);
          return { records: 6n, ...last };
        },
      },
    });
    const run = await runInProcess('audit', 'verify', '--checkpoint', '6:ab:cd', '--address', fake.address);
    expect(run.stdout()).toBe('6 records, the last 6\nwhole: every record is as the hub wrote it\n');
    expect(run.exitCode).toBe(ExitCode.ok);
    expect(checkpoints).toEqual(['6:ab:cd']);
  });

  test('exits with 1 for one that is broken, and says where', async () => {
    const fault = '2026-11-28.jsonl:4: is not a record';
    fake = await startFakeHub({ audit: { verifyAudit: () => ({ records: 3n, fault, ...last }) } });
    const run = await runInProcess('audit', 'verify', '--address', fake.address);
    expect(run.exitCode).toBe(ExitCode.failed);
    expect(run.stderr()).toContain(`the audit log is broken: ${fault}`);
    const asJson = await runInProcess('audit', 'verify', '--json', '--address', fake.address);
    expect(asJson.jsonLines()).toEqual([{ records: 3, last_seq: 6, last_hash: 'ab12', fault, notes: [] }]);
    expect(asJson.exitCode).toBe(ExitCode.failed);
  });
});
