import { Health } from '@hms-sync/proto/health/v1/health';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RawResponse, request } from './raw-request.ts';
import { type Stack, startStack } from './stack.ts';
import { expectUntouched } from './unharmed.ts';
import { pathOf } from './wire.ts';

const PUBLIC = 'https://hub.clinic.example';

let stack: Stack;
let expectNothing: () => Promise<void>;

beforeAll(async () => {
  stack = await startStack({ hub: { publicUrls: [PUBLIC] } });
});
beforeEach(async () => {
  expectNothing = await expectUntouched(stack);
});
afterEach(() => expectNothing());
afterAll(() => stack?.close());

/** What a page would like to do: each is right but for who asks. */
const wishes = [
  { what: 'publish', method: 'POST', path: '/sync', type: 'application/json', body: '{"type":"ProcessUpdated"}' },
  { what: 'publish as a simple request', method: 'POST', path: '/sync', type: 'text/plain', body: '{"type":"A"}' },
  { what: 'read the health', method: 'GET', path: '/healthz', type: undefined, body: '' },
  { what: 'ask before', method: 'OPTIONS', path: '/sync', type: undefined, body: '' },
  {
    what: 'pause an adapter',
    method: 'POST',
    path: pathOf(AdminService.method.pauseAdapter),
    type: 'application/json',
    body: '{"adapter":"billing","reason":"a page"}',
  },
  {
    what: 'publish by gRPC-Web',
    method: 'POST',
    path: pathOf(SyncService.method.publish),
    type: 'application/grpc-web+proto',
    body: Buffer.alloc(5),
  },
  {
    what: 'check by a GET of Connect',
    method: 'GET',
    path: `${pathOf(Health.method.check)}?connect=v1&encoding=json&message=%7B%7D`,
    type: undefined,
    body: '',
  },
  { what: 'look for what there is', method: 'GET', path: '/nothing', type: undefined, body: '' },
] as const;

/** As a browser sends them; a page whose name was made to mean 127.0.0.1 is of the same origin as what it calls. */
const pages = [
  { who: 'a name that was made to mean this machine', host: 'rebound.example', site: 'same-origin', status: 421 },
  { who: 'such a name in an old browser', host: 'rebound.example', status: 421 },
  { who: 'another site', origin: 'https://evil.example', site: 'cross-site', status: 403 },
  { who: 'another site, without a word on where', origin: 'https://evil.example', status: 403 },
  { who: 'another site, without an Origin', site: 'cross-site', status: 403 },
  { who: 'another port of this machine', origin: 'http://localhost:3000', site: 'same-site', status: 403 },
  { who: 'a sandboxed frame or a file', origin: 'null', site: 'cross-site', status: 403 },
] as const;

const versions = ['1.1', '2'] as const;
const attempts = versions.flatMap((httpVersion) => pages.map((page) => ({ httpVersion, ...page })));

describe('a web page of', () => {
  test.for(attempts)('$who reaches nothing over HTTP/$httpVersion', async (page) => {
    for (const { what, method, path, type, body } of wishes) {
      const authority = `${'host' in page ? page.host : 'localhost'}:${stack.hub.port}`;
      const origin =
        'origin' in page ? page.origin : 'host' in page && method !== 'GET' ? `http://${authority}` : undefined;
      const answer = await request(stack.hub.address, {
        httpVersion: page.httpVersion,
        method,
        path,
        body,
        headers: {
          [page.httpVersion === '2' ? ':authority' : 'host']: authority,
          ...(type !== undefined && { 'content-type': type }),
          ...(origin !== undefined && { origin }),
          ...('site' in page && { 'sec-fetch-site': page.site, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }),
        },
      });
      const { status, headers, body: said } = answer as RawResponse;
      expect(status, what).toBe(page.status);
      expect(JSON.parse(said.toString()), what).toMatchObject({ message: expect.stringContaining('publicUrls') });
      expect(headers['access-control-allow-origin'], what).toBeUndefined();
    }
  });

  test.for(versions)('the hub, by its public name, reads its health over HTTP/%s', async (httpVersion) => {
    const answer = await request(stack.hub.address, {
      httpVersion,
      method: 'GET',
      path: '/healthz',
      body: '',
      headers: {
        [httpVersion === '2' ? ':authority' : 'host']: 'hub.clinic.example',
        origin: PUBLIC,
        'sec-fetch-site': 'same-origin',
      },
    });
    expect(answer).toMatchObject({ status: 200 });
  });
});
