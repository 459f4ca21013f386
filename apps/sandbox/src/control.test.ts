import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CallAnswer, call, push } from '../test/caller.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.close());

function control(method: string, path: string, body?: unknown): Promise<CallAnswer> {
  return call(sandbox.controlUrl + path, { method, ...(body === undefined ? {} : { body }) });
}
function pushBilling(id: string, key = 'p-1') {
  return push(`${sandbox.urls.billing}/billing-sync`, { type: 'ProcessUpdated', id, key });
}
const status503 = { fault: { status: 503 }, calls: 0 };

describe('the control port', () => {
  it('lists its paths on /', async () => {
    const answer = await control('GET', '/');
    expect(answer.body).toEqual({ control: sandbox.controlUrl, systems: sandbox.urls });
  });

  it('answers GET /calls with the matching calls', async () => {
    await pushBilling('e-1');
    await pushBilling('e-2', 'p 2/ü');
    await pushBilling('e-2', 'p 2/ü');
    const eventIds = async (query: string): Promise<unknown> => {
      const { body } = await control('GET', `/calls${query}`);
      return (body as { calls: { eventId: string }[] }).calls.map((one) => one.eventId);
    };
    expect((await control('GET', '/calls')).body).toEqual({ calls: JSON.parse(JSON.stringify(sandbox.calls())) });
    expect(await eventIds('?system=billing')).toEqual(['e-1', 'e-2', 'e-2']);
    expect(await eventIds('?system=records')).toEqual([]);
    expect(await eventIds(`?key=${encodeURIComponent('p 2/ü')}`)).toEqual(['e-2', 'e-2']);
    expect(await eventIds('?eventId=e-1')).toEqual(['e-1']);
    expect(await eventIds('?idempotencyKey=e-2:x&limit=1')).toEqual(['e-2']);
    expect(await eventIds('?since=2')).toEqual(['e-2']);
  });

  it.each([
    '{"type":"T","n":9007199254740993}',
    '{"type":"T","n":9007199254740993.0,"m":0.10,"k":1.00,"z":-0,"e":1E+2}',
    '{"type":"T","n":123456789012345.678,"a":1,"a":2}',
    '{ "type": "T",\n  "text": "\\u00e9é\\/" }',
    '{"type":"T","deep":[[[9007199254740993]]]}',
  ])('returns the body exactly as it came: %s', async (body) => {
    await call(`${sandbox.urls.billing}/billing-sync`, { body });
    const answer = await fetch(`${sandbox.controlUrl}/calls`);
    const text = await answer.text();
    expect(text).toContain(`"body":${body}}`);
    expect(JSON.parse(text).calls).toMatchObject([{ bodyText: body, bodyBase64: null }]);
  });

  it.each([
    ['no JSON', Buffer.from('{"type":'), '{"type":', null],
    ['a text that looks like nothing', Buffer.from(''), '', null],
    ['a byte order mark', Buffer.from('\ufeff{}'), '\ufeff{}', null],
    [
      'bytes that are not UTF-8',
      Buffer.from('{"type":"Jos\xe9"}', 'latin1'),
      '{"type":"Jos\ufffd"}',
      'eyJ0eXBlIjoiSm9z6SJ9',
    ],
  ])('returns a body of %s so that each byte is known', async (_what, bytes, bodyText, bodyBase64) => {
    await fetch(`${sandbox.urls.billing}/billing-sync`, { method: 'POST', body: bytes });
    const answer = await fetch(`${sandbox.controlUrl}/calls`);
    expect(await answer.json()).toMatchObject({ calls: [{ bodyText, bodyBase64 }] });
  });

  it('gives a page of a thousand calls when no limit is asked for', async () => {
    for (let i = 0; i < 1_001; i += 1) await pushBilling(`e-${i}`);
    const { body } = await control('GET', '/calls');
    expect((body as { calls: unknown[] }).calls).toHaveLength(1_000);
    expect((await control('GET', '/calls/count')).body).toEqual({ count: 1_001, effects: 1_001, forgotten: 0 });
  });

  it('counts and clears', async () => {
    await pushBilling('e-1');
    await pushBilling('e-1');
    expect((await control('GET', '/calls/count?eventId=e-1')).body).toEqual({ count: 2, effects: 1, forgotten: 0 });
    expect((await control('DELETE', '/calls')).body).toEqual({ cleared: 2 });
    expect((await control('GET', '/calls/count')).body).toEqual({ count: 0, effects: 0, forgotten: 0 });
  });

  it('sets, shows and clears the fault of one system', async () => {
    const set = await control('PUT', '/faults/billing', { status: 503 });
    expect(set.status).toBe(200);
    expect(set.body).toEqual({ faults: { scheduling: null, records: null, billing: status503 } });
    expect((await pushBilling('e-1')).status).toBe(503);
    expect((await control('GET', '/faults')).body).toMatchObject({ faults: { billing: { ...status503, calls: 1 } } });
    const cleared = await control('DELETE', '/faults/billing');
    expect(cleared.body).toEqual({ faults: { scheduling: null, records: null, billing: null } });
    expect((await pushBilling('e-1')).status).toBe(200);
  });

  it.each(['*', '%2A', '%2a'])('takes %s for all systems', async (star) => {
    expect((await control('PUT', `/faults/${star}`, { status: 503 })).body).toEqual({
      faults: { scheduling: status503, records: status503, billing: status503 },
    });
    expect((await control('DELETE', `/faults/${star}`)).body).toEqual({
      faults: { scheduling: null, records: null, billing: null },
    });
  });

  it('responds when the port is closed, and when it is open again', async () => {
    await control('PUT', '/faults/billing', { down: true });
    await expect(pushBilling('e-1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await control('DELETE', '/faults/billing');
    expect((await pushBilling('e-1')).status).toBe(200);
  });

  it.each([
    ['PUT', '/faults/billing', { latency: 5 }, 400, 'invalid_argument', 'latency', 'did you mean latencyMs?'],
    ['PUT', '/faults/billing', { status: 1 }, 400, 'invalid_argument', 'status', 'from 300 to 599'],
    ['PUT', '/faults/billing', '{"status":', 400, 'invalid_argument', null, 'the body must be JSON'],
    ['PUT', '/faults/billing', ' '.repeat(65_537), 413, 'too_large', null, 'over 65536 bytes'],
    ['PUT', '/faults/biling', { status: 503 }, 404, 'not_found', null, 'did you mean billing?'],
    ['PUT', '/faults/billing/more', { status: 503 }, 404, 'not_found', null, '/faults/{system}'],
    ['GET', '/fault', undefined, 404, 'not_found', null, '/faults/{system}'],
    ['GET', '//evil', undefined, 404, 'not_found', null, '/faults/{system}'],
    ['GET', '/calls?sistem=billing', undefined, 400, 'invalid_argument', 'sistem', 'did you mean system?'],
    ['GET', '/calls?system=biling', undefined, 400, 'invalid_argument', 'system', 'did you mean billing?'],
    ['GET', '/calls?limit=0', undefined, 400, 'invalid_argument', 'limit', 'from 1 to 10000'],
    ['GET', '/calls/count?since=-1', undefined, 400, 'invalid_argument', 'since', 'a whole number from 0'],
    ['POST', '/faults/billing', { status: 503 }, 405, 'method_not_allowed', null, 'accepts PUT, DELETE'],
    ['PATCH', '/calls', undefined, 405, 'method_not_allowed', null, 'accepts GET, DELETE'],
  ])('rejects %s %s with %j', async (method, path, body, status, code, field, words) => {
    const answer = await control(method, path, body);
    expect(answer.status).toBe(status);
    const { error } = answer.body as { error: { code: string; message: string; fields: { field: string }[] } };
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(error.fields.map((problem) => problem.field)).toEqual(field === null ? [] : [field]);
    expect(sandbox.faults()).toEqual({ scheduling: null, records: null, billing: null });
  });

  it('lists the methods of a path in the Allow header', async () => {
    expect((await control('POST', '/faults/billing')).headers.allow).toBe('PUT, DELETE');
  });
});
