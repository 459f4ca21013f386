import { createHmac } from 'node:crypto';
import { createAdapterHost } from '@hms-sync/adapter-sdk/host';
import { describeAdapter, startStandIn } from '@hms-sync/adapter-sdk/testing';
import { describe, expect, it } from 'vitest';
import definition from './adapter.ts';

describeAdapter({ describe, it, package: import.meta.url, definition });

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const key = Buffer.from('a signing key of thirty-two byte');
const data = Buffer.from('{"processId":"process-7"}');
const event = {
  id: 'event-1',
  source: 'hms-api',
  type: 'PolicyUpdated',
  key: 'process-7',
  time: new Date('2026-11-23T10:00:00Z'),
  data,
  dataContentType: 'application/json',
  attributes: {},
};

describe('an event', () => {
  it('is posted to /billing-sync below the base URL, with token and signature', async () => {
    await using system = await startStandIn();
    const host = createAdapterHost(definition, { adapter: { id: 'billing', version: '0.1.0' }, log: silent });
    const signingSecret = `whsec_${key.toString('base64')}`;
    expect(await host.configure({ baseUrl: `${system.url}/hms/`, token: 'a-token', signingSecret })).toEqual([]);
    const attempt = { event, idempotencyKey: 'event-1/billing', attempt: 1, redelivered: false, timeoutMs: 10_000 };
    expect(await host.deliver(attempt, new AbortController().signal)).toMatchObject({ kind: 'delivered' });
    await host.close();
    expect(system.writes).toMatchObject([
      { method: 'POST', path: '/hms/billing-sync', headers: { authorization: 'Bearer a-token' } },
    ]);
    const [{ headers, body } = { headers: {} as Record<string, unknown>, body: '' }] = system.writes;
    expect(JSON.parse(body)).toMatchObject({
      type: 'PolicyUpdated',
      payload: { processId: 'process-7' },
      id: 'event-1',
    });
    const signed = `event-1/billing.${headers['webhook-timestamp']}.${body}`;
    const signature = createHmac('sha256', key).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
  });
});
