import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { attemptOf, eventFields } from '../test/delivery.ts';
import { hostOf, readyHost, signal } from '../test/hosts.ts';
import { startStandIn } from './testing/stand-in.ts';
import { webhookAdapter } from './webhook.ts';

describe('a webhook adapter', () => {
  it('posts each event below the base URL, with idempotency key, token and signature', async () => {
    await using system = await startStandIn();
    const key = Buffer.from('a signing key of thirty-two byte');
    const signingSecret = `whsec_${key.toString('base64')}`;
    const config = { baseUrl: `${system.url}/hms/`, token: 'a-token', signingSecret };
    const { host } = await readyHost(webhookAdapter({ path: '/changes' }), config);
    expect(await host.deliver(attemptOf(), signal)).toEqual({ kind: 'delivered', receipt: '{"status":"ok"}' });
    await host.close();
    const headers = { authorization: 'Bearer a-token', 'idempotency-key': 'event-1/billing' };
    expect(system.writes).toMatchObject([{ method: 'POST', path: '/hms/changes', headers }]);
    const [{ headers: sent, body } = { headers: {} as Record<string, unknown>, body: '' }] = system.writes;
    expect(JSON.parse(body)).toEqual({
      type: 'ProcessUpdated',
      payload: { processId: 'process-7', patient: 'Ada Byron' },
      id: 'event-1',
      source: 'hms-api',
      key: 'process-7',
      time: '2026-11-23T10:00:00.000Z',
    });
    const signed = createHmac('sha256', key).update(`event-1/billing.${sent['webhook-timestamp']}.${body}`);
    expect(sent['webhook-signature']).toBe(`v1,${signed.digest('base64')}`);
  });

  it('posts what body makes of the event and the attempt', async () => {
    await using system = await startStandIn();
    const body = ({ id }: { id: string }, { attempt }: { attempt: number }) => JSON.stringify({ id, attempt });
    const { host } = await readyHost(webhookAdapter({ path: '', body }), { baseUrl: system.url });
    await host.deliver(attemptOf({ attempt: 3 }), signal);
    await host.close();
    expect(system.writes).toMatchObject([{ path: '/', body: '{"id":"event-1","attempt":3}' }]);
  });

  it('delivers an event without data, and rejects data that should be JSON and is not', async () => {
    await using system = await startStandIn();
    const { host } = await readyHost(webhookAdapter({ path: '/changes' }), { baseUrl: system.url });
    const deliver = (data: Uint8Array) => host.deliver(attemptOf({ event: eventFields({ data }) }), signal);
    expect(await deliver(new Uint8Array())).toMatchObject({ kind: 'delivered' });
    expect(await deliver(Buffer.from('{'))).toMatchObject({ kind: 'permanent' });
    await host.close();
    expect(system.writes).toMatchObject([{ body: expect.stringContaining('"payload":null') }]);
  });

  it('accepts the types and the deliveries that it is said to', () => {
    const adapter = webhookAdapter({ path: '/', accepts: ['ProcessUpdated'], delivery: { concurrency: 1 } });
    expect(hostOf(adapter).host.description).toMatchObject({
      accepts: ['ProcessUpdated'],
      delivery: { concurrency: 1 },
    });
  });

  const baseUrl = 'https://system.example';
  it.each([
    ['baseUrl', {}],
    ['baseUrl', { baseUrl: 'not.a.url' }],
    ['baseUrl', { baseUrl: 'ftp://system.example' }],
    ['baseUrl', { baseUrl: 'https://user:hunter2@system.example' }],
    ['token', { baseUrl, token: '' }],
    ['token', { baseUrl, token: 'hunter2\n' }],
    ['signingSecret', { baseUrl, signingSecret: 'hunter2' }],
    ['', { baseUrl, tokn: 'hunter2' }],
  ])('names %j as what is wrong with %j, without a secret', async (path, config) => {
    const diagnostics = await hostOf(webhookAdapter({ path: '/changes' })).host.configure(config);
    expect(diagnostics).toMatchObject([{ path }]);
    expect(JSON.stringify(diagnostics)).not.toContain('hunter2');
  });
});
