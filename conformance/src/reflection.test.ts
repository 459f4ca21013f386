import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from './stack.ts';

const run = promisify(execFile);

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.close());

/** Runs `buf curl`, which knows the hub by its reflection alone. */
async function bufCurl(path: string, ...flags: readonly string[]): Promise<string> {
  const { stdout } = await run('buf', ['curl', '--http2-prior-knowledge', ...flags, `${stack.hub.address}${path}`]);
  return stdout;
}

describe.for(['grpc-v1', 'grpc-v1alpha'])('reflection by %s', (reflect) => {
  const protocol = ['--reflect-protocol', reflect];

  test('lists the services and their methods', async () => {
    const services = (await bufCurl('', ...protocol, '--list-services')).trim().split('\n');
    expect(services).toEqual(
      expect.arrayContaining([
        'grpc.health.v1.Health',
        'hms.sync.v1.AdminService',
        'hms.sync.v1.HealthService',
        'hms.sync.v1.SyncService',
      ]),
    );
    const methods = await bufCurl('', ...protocol, '--list-methods');
    expect(methods).toContain('hms.sync.v1.SyncService/PublishStream');
  });

  test('lets a caller publish without the .proto files', async () => {
    const id = randomUUID();
    const data = JSON.stringify({ event: { id, type: 'ProcessUpdated', json: { step: 4 } } });
    const answer = await bufCurl('/hms.sync.v1.SyncService/Publish', ...protocol, '--protocol', 'grpc', '-d', data);
    expect(answer.match(/"DELIVERY_STATE_DELIVERED"/g)).toHaveLength(3);
    expect(answer).toContain(id);
  });

  test('lets a caller read an error with its details', async () => {
    const call = bufCurl(
      '/hms.sync.v1.SyncService/PublishAndWait',
      ...protocol,
      '--protocol',
      'grpc',
      '-d',
      '{"event":{}}',
    );
    await expect(call).rejects.toMatchObject({ stderr: expect.stringContaining('invalid_argument') });
    await expect(call).rejects.toMatchObject({ stderr: expect.stringContaining('event.type') });
  });
});
