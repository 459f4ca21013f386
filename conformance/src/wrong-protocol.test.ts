import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RawResponse, request } from './raw-request.ts';
import { type Stack, startStack } from './stack.ts';
import { pathOf } from './wire.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.close());

const { publishAndWait, publish, publishStream } = SyncService.method;
const versions = ['1.1', '2'] as const;
const types = [undefined, '', 'text/plain', 'application/x-www-form-urlencoded', 'application/cloudevents+json', 'x'];

interface Asked {
  readonly httpVersion: (typeof versions)[number];
  readonly path: string;
  readonly method?: string;
  readonly type?: string | undefined;
}

async function ask({ httpVersion, path, method = 'POST', type }: Asked) {
  const headers = type === undefined ? {} : { 'content-type': type };
  const answer = await request(stack.hub.address, { httpVersion, path, method, headers, body: '{}' });
  const { status, headers: answered, body } = answer as RawResponse;
  return { status, headers: answered, body: JSON.parse(body.toString()) };
}

describe.each(versions)('over HTTP/%s', (httpVersion) => {
  test.for(types)('an rpc with the content type %j reports which ones it accepts', async (type) => {
    for (const method of [publishAndWait, publish]) {
      const { status, headers, body } = await ask({ httpVersion, path: pathOf(method), type });
      expect(status).toBe(415);
      expect(headers['content-type']).toBe('application/json');
      expect(body.code).toBe('invalid_argument');
      expect(body.message).toContain(method === publish ? 'application/connect+json' : 'application/json');
      expect(body.message).toContain('application/grpc');
    }
  });

  test('an rpc that is called with another HTTP method reports which one it accepts', async () => {
    const { status, headers, body } = await ask({ httpVersion, path: pathOf(publishAndWait), method: 'PUT' });
    expect(status).toBe(405);
    expect(headers.allow).toBe('POST');
    expect(body.message).toContain('POST');
  });
});

test('a bidirectional stream over HTTP/1.1 reports that it needs HTTP/2', async () => {
  const { status, body } = await ask({
    httpVersion: '1.1',
    path: pathOf(publishStream),
    type: 'application/connect+json',
  });
  expect(status).toBe(505);
  expect(body.message).toContain('HTTP/2');
});
