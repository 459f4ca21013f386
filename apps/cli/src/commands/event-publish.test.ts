import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { DeliveryErrorSchema, DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { FakeHub } from '../../test/fake-hub.ts';
import { fakeHubOfTest } from '../../test/fake-hub-of-test.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

const refused = new ConnectError('the event is refused', Code.InvalidArgument, undefined, [
  { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason: 'EVENT_INVALID', domain: 'hms-sync' }) },
  {
    desc: BadRequestSchema,
    value: create(BadRequestSchema, { fieldViolations: [{ field: 'event.id', description: 'is too long' }] }),
  },
]);

/** Runs `event publish --type T`. */
function publish(fake: FakeHub, ...flags: readonly string[]) {
  return runInProcess('event', 'publish', '--type', 'T', ...flags, '--address', fake.address);
}

describe('hms-sync event publish', () => {
  test('passes the event as it was given', async () => {
    const fake = await fakeHubOfTest();
    const data = '{"big": 12345678901234567890}';
    const given = ['--type', 'T', '--key', 'k', '--id', 'i', '--source', 's', '--data', data];
    expect((await runInProcess('event', 'publish', ...given, '--address', fake.address)).exitCode).toBe(ExitCode.ok);
    expect(fake.published[0]).toMatchObject({
      until: PublishUntil.SETTLED,
      event: { type: 'T', key: 'k', id: 'i', source: 's', dataContentType: 'application/json' },
    });
    const payload = fake.published[0]?.event?.payload;
    expect(payload?.case === 'data' && new TextDecoder().decode(payload.value)).toBe(data);
  });

  test('prints warnings of the hub, as text and as JSON, and exits with 0', async () => {
    const warning = 'the hub has no adapters: it delivers this event to nobody';
    const fake = await fakeHubOfTest({
      sync: {
        async *publish({ event }) {
          const accepted = { eventId: event?.id ?? '', cursor: '0', warnings: [warning] };
          yield { result: { case: 'accepted', value: accepted } };
        },
      },
    });
    const asked = ['event', 'publish', '--type', 'T', '--address', fake.address];
    const inWords = await runInProcess(...asked);
    expect(inWords).toMatchObject({ exitCode: ExitCode.ok });
    expect(inWords.stdout()).toContain(`WARNING   ${warning}`);
    expect((await runInProcess(...asked, '--jsonl')).jsonLines()).toMatchObject([{ warnings: [warning] }]);
  });

  test('creates the id, so that the same event can be published again after a lost response', async () => {
    const fake = await fakeHubOfTest();
    for (let run = 0; run < 2; run++) await publish(fake);
    const ids = fake.published.map(({ event }) => event?.id);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[1]).not.toBe(ids[0]);
  });

  test('publishes the same content when it is called again', async () => {
    const fake = await fakeHubOfTest();
    const again = ['event', 'publish', '--type', 'T', '--id', 'i', '--data', '{}', '--address', fake.address];
    for (let run = 0; run < 2; run++) await runInProcess(...again);
    expect(fake.published[1]).toEqual(fake.published[0]);
    expect(fake.published[0]?.event?.time).toBeUndefined();
  });

  test('prints the acceptance and every ack as JSON, one object per line', async () => {
    const fake = await fakeHubOfTest();
    const ended = await publish(fake, '--jsonl');
    expect(ended.jsonLines().map(({ adapter, state }) => [adapter, state])).toEqual([
      [undefined, 'ACCEPTED'],
      ['billing', 'DELIVERED'],
      ['records', 'DELIVERED'],
      ['scheduling', 'DELIVERED'],
    ]);
    expect(ended.stderr()).toBe('');
  });

  test('prints a line for each ack, with the time since the acceptance and the receipt', async () => {
    const fake = await fakeHubOfTest();
    const ended = await publish(fake, '--id', 'i');
    const [accepted, billing] = ended.stdout().split('\n');
    expect(accepted).toBe('ACCEPTED  i for billing, records, scheduling');
    expect(billing).toMatch(/^ *\+\d+ms {2}billing {5}DELIVERED {6}attempt 1 {3}billing took it$/);
  });

  test('fails when an adapter dead-lettered the event, and reports which and why', async () => {
    const error = create(DeliveryErrorSchema, {
      kind: OutcomeKind.PERMANENT,
      code: 'HTTP_422',
      message: 'no such slot',
    });
    const fake = await fakeHubOfTest({
      acks: {
        billing: [{ state: DeliveryState.DEAD_LETTERED, attempt: 1, error }],
        records: [{ state: DeliveryState.SKIPPED }],
      },
    });
    const ended = await publish(fake);
    expect(ended.exitCode).toBe(ExitCode.failed);
    expect(ended.stderr()).toBe(
      'hms-sync: billing did not deliver the event: HTTP_422: no such slot; waits for an operator\n',
    );
  });

  test('exits after --timeout with code 7, and lists the unsettled deliveries', async () => {
    const error = create(DeliveryErrorSchema, {
      kind: OutcomeKind.RETRYABLE,
      code: 'HTTP_503',
      message: 'unavailable',
    });
    const fake = await fakeHubOfTest({
      acks: {
        billing: [{ state: DeliveryState.RETRYING, attempt: 1, error }],
        records: [{ state: DeliveryState.DELIVERED }],
      },
    });
    const flags = ['--type', 'T', '--id', 'i', '--timeout', '2s', '--address', fake.address];
    const ended = await runInProcess('event', 'publish', ...flags);
    expect(ended.exitCode).toBe(ExitCode.notSettled);
    expect(ended.stderr()).toBe(
      [
        'hms-sync: accepted, but not settled everywhere within 2s',
        '  billing: RETRYING, HTTP_503: unavailable',
        `  The event is on disk, and the hub still delivers it. To see its status: hms-sync event show i --address ${fake.address}`,
        '',
      ].join('\n'),
    );
  });

  test('exits after --timeout with code 1 when a delivery has failed by then', async () => {
    const fake = await fakeHubOfTest({
      acks: { billing: [{ state: DeliveryState.DEAD_LETTERED, attempt: 1 }], records: [{ state: DeliveryState.HELD }] },
    });
    const ended = await publish(fake, '--timeout', '2s');
    expect(ended.exitCode).toBe(ExitCode.failed);
    expect(ended.stderr()).toMatch(/^ {2}billing: DEAD_LETTERED/m);
    expect(ended.stderr()).toMatch(/^ {2}records: HELD/m);
  });

  test('exits after --timeout when the hub does not respond, and reports how to publish the event again', async () => {
    const fake = await fakeHubOfTest({
      sync: {
        async *publish(_request, { signal }) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
      },
    });
    const ended = await publish(fake, '--id', 'i', '--timeout', '0.2s');
    expect(ended.exitCode).toBe(ExitCode.noAnswer);
    expect(ended.stderr()).toContain('did not answer within 200ms: whether it accepted the event is unknown');
    expect(ended.stderr()).toContain('the same command with --id i');
  });

  test.each([
    ['accepted', PublishUntil.ACCEPTED],
    ['first-attempt', PublishUntil.FIRST_ATTEMPT],
    ['settled', PublishUntil.SETTLED],
  ])('--until %s is handed to the hub', async (name, until) => {
    const fake = await fakeHubOfTest();
    await publish(fake, '--until', name);
    expect(fake.published[0]?.until).toBe(until);
  });

  test('a rejected event names its fields', async () => {
    const fake = await fakeHubOfTest({
      sync: {
        // biome-ignore lint/correctness/useYield: it fails before its first message
        async *publish() {
          throw refused;
        },
      },
    });
    const ended = await publish(fake);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toBe(
      'hms-sync: INVALID_ARGUMENT (EVENT_INVALID): the event is refused\n  event.id: is too long\n',
    );
  });

  test('without a hub it names the address, and how to publish the event again', async () => {
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--id', 'i', '--address', '127.0.0.1:1');
    expect(ended.exitCode).toBe(ExitCode.noAnswer);
    expect(ended.stderr()).toContain('no hub answers at http://127.0.0.1:1 (ECONNREFUSED)');
    expect(ended.stderr()).toContain('the same command with --id i');
  });

  test('data that is a file name gets a hint at the @, and a missing file is reported', async () => {
    const name = await runInProcess('event', 'publish', '--type', 'T', '--data', 'slots.json');
    expect(name.stderr()).toBe('hms-sync: --data is not JSON. To read it from a file: --data @<file>\n');
    const missing = await runInProcess('event', 'publish', '--type', 'T', '--data', '@/none/slots.json');
    expect(missing.stderr()).toBe('hms-sync: --data: cannot read /none/slots.json: there is no such file.\n');
  });

  test('data that is not JSON is rejected with its position, and not quoted', async () => {
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--data', '{"secret": hunter2}');
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toMatch(/^hms-sync: --data is not JSON/);
    expect(ended.stderr()).not.toContain('hunter2');
  });

  test.each([
    ['that is not UTF-8', Buffer.from('{"name":"Jos\u00e9"}', 'latin1'), 'is not UTF-8 at byte offset 12'],
    ['with a byte order mark', Buffer.from('\ufeff{}'), 'begins with a byte order mark'],
    ['in UTF-16', Buffer.from('\ufeff{"a":1}', 'utf16le'), 'is not UTF-8 at byte offset 0'],
    ['nested too deep', Buffer.from('['.repeat(65).concat(']'.repeat(65))), 'is nested deeper than 64 levels'],
  ])('a file %s is rejected before anything is published', async (_what, bytes, says) => {
    const folder = await mkdtemp(join(tmpdir(), 'hms-sync-cli-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'change.json'), bytes);
    const fake = await fakeHubOfTest();
    const file = `@${join(folder, 'change.json')}`;
    const ended = await publish(fake, '--data', file);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain(`--data ${says}`);
    expect(fake.published).toEqual([]);
  });

  test('an argument that is not UTF-8 is rejected', async () => {
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--key', 'Jos\ufffd');
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain('argument 6 is not UTF-8');
  });

  test('@file reads the data from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hms-sync-cli-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'change.json'), '{"a":1}');
    const fake = await fakeHubOfTest();
    const file = `@${join(folder, 'change.json')}`;
    await publish(fake, '--data', file);
    const payload = fake.published[0]?.event?.payload;
    expect(payload?.case === 'data' && new TextDecoder().decode(payload.value)).toBe('{"a":1}');

    const missing = await runInProcess('event', 'publish', '--type', 'T', '--data', `${file}.missing`);
    expect(missing.exitCode).toBe(ExitCode.usage);
    expect(missing.stderr()).toContain('change.json.missing: there is no such file.');
  });
});
