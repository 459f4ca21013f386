import { describe, expect, it, vi } from 'vitest';
import { HTTP_VERSIONS, sendForEver } from './http-client.fixture.ts';
import { json, startSyncCaller } from './sync-caller.fixture.ts';

describe.each(HTTP_VERSIONS)('POST /sync over %s', (version) => {
  it.each([
    ['a form', 'application/x-www-form-urlencoded', 'application/json'],
    ['a batch of CloudEvents', 'application/cloudevents-batch+json', 'batches are not taken'],
    ['text', 'text/plain', 'application/json'],
    ['JSON that is not UTF-8', 'application/json; charset=utf-16', 'UTF-8'],
    ['something that is not a media type', 'json', 'application/json'],
  ])('refuses %s with 415', async (_what, contentType, says) => {
    const caller = await startSyncCaller(version);
    const answer = await caller.postJson({}, { headers: { 'content-type': contentType } });
    const body = { status: 'refused', code: 'invalid_argument', reason: 'REQUEST_TYPE_UNSUPPORTED', fields: [] };
    expect(answer).toMatchObject({ status: 415, body });
    expect(answer.body).toHaveProperty('message', expect.stringContaining(says));
    expect(caller.hub.events).toEqual([]);
  });

  it('refuses a compressed body with 415', async () => {
    const caller = await startSyncCaller(version);
    const answer = await caller.postJson({}, { headers: { ...json, 'content-encoding': 'gzip' } });
    expect(answer).toMatchObject({ status: 415, body: { reason: 'REQUEST_TYPE_UNSUPPORTED' } });
  });

  it.each([
    ['{"type": "secret" "x"}', 'the body is not JSON: unexpected character or end at position 18'],
    ['{"type": secret}', 'the body is not JSON'],
    ['', 'the body is not JSON: it is empty'],
    ['[]', 'the body must be a JSON object'],
  ])('refuses the broken body %s with 400 and does not quote it', async (body, says) => {
    const caller = await startSyncCaller(version);
    const answer = await caller.postJson({}, { body });
    expect(answer).toMatchObject({ status: 400, body: { reason: 'REQUEST_INVALID', fields: [] } });
    expect(answer.body).toHaveProperty('message', expect.stringContaining(says));
    expect(JSON.stringify(answer.body)).not.toContain('secret');
  });

  it('names every wrong field as the sender calls it', async () => {
    const caller = await startSyncCaller(version);
    const answer = await caller.postJson({ id: 'with space', payload: { processId: 'p'.repeat(300) } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_argument', reason: 'EVENT_INVALID' } });
    const { fields, message } = answer.body as { fields: { field: string; description: string }[]; message: string };
    expect(fields.map(({ field }) => field)).toEqual(['id', 'type', 'payload.processId']);
    expect(message).toBe(fields.map(({ field, description }) => `${field} ${description}`).join('; '));
    expect(caller.hub.events).toEqual([]);
  });

  it('refuses a payload over the limit with 413 that names the payload', async () => {
    const caller = await startSyncCaller(version, { eventBytesMax: 10 });
    const answer = await caller.postJson({ type: 'ProcessUpdated', payload: 'more than ten bytes' });
    expect(answer).toMatchObject({ status: 413, body: { reason: 'EVENT_TOO_LARGE', fields: [{ field: 'payload' }] } });
    expect(answer.body).toHaveProperty('message', expect.stringMatching(/^payload is 21 bytes/));
  });

  it('refuses a wait out of bounds before it accepts anything', async () => {
    const caller = await startSyncCaller(version);
    for (const wait of ['61s', '-1s', '5', 'long', '']) {
      const answer = await caller.postJson({ type: 'ProcessUpdated' }, { path: `/sync?wait=${wait}` });
      expect(answer).toMatchObject({ status: 400, body: { reason: 'REQUEST_INVALID', fields: [{ field: 'wait' }] } });
    }
    expect(caller.hub.events).toEqual([]);
  });

  it('answers 413 to a body over the bound, though the client goes on sending', async () => {
    const caller = await startSyncCaller(version, { bodyBounds: { sizeBytesMax: 1_000, withinMs: 10_000 } });
    // Far more than the buffers between the two hold.
    const body = Buffer.alloc(16 * 1024 * 1024, ' ');
    const said = await caller.postJson({}, { body });
    expect(said).toMatchObject({ status: 413, body: { code: 'resource_exhausted', reason: 'REQUEST_TOO_LARGE' } });
    const headers = { ...json, 'content-length': String(body.byteLength) };
    const announced = await caller.postJson({}, { body, headers });
    expect(announced).toMatchObject({ status: 413, body: { reason: 'REQUEST_TOO_LARGE' } });
    expect(caller.hub.faults).toEqual([]);
  });

  it('answers 408 to a body that does not come to its end', async () => {
    const caller = await startSyncCaller(version, { bodyBounds: { sizeBytesMax: 1_000, withinMs: 50 } });
    const answer = await caller.postJson({}, { body: '{"type":', isUnfinished: true });
    expect(answer).toMatchObject({ status: 408, body: { code: 'aborted', reason: 'REQUEST_TOO_SLOW' } });
    expect(caller.hub.events).toEqual([]);
  });

  it('gives a client that never stops sending a moment to read the answer, then hangs up', async () => {
    const caller = await startSyncCaller(version, { bodyBounds: { sizeBytesMax: 1_000, withinMs: 10_000 } });
    const { port } = caller;
    const { status } = await sendForEver({ version, port });
    expect(status).toBe(413);
  });

  it('answers 503 with Retry-After while the disk is full, while it stops, and when the journal failed', async () => {
    const caller = await startSyncCaller(version);
    const { journal, intake } = caller.hub;
    const event = { type: 'ProcessUpdated', id: 'e-1' };
    journal.control.isFull = true;
    const full = await caller.postJson(event);
    expect(full).toMatchObject({ status: 503, headers: { 'retry-after': '30' } });
    expect(full.body).toMatchObject({ status: 'refused', code: 'resource_exhausted', reason: 'JOURNAL_FULL' });
    await journal.close();
    const failed = await caller.postJson(event);
    expect(failed).toMatchObject({ status: 503, headers: { 'retry-after': '2' }, body: { reason: 'JOURNAL_FAILED' } });
    intake.stop();
    const stopping = await caller.postJson(event);
    expect(stopping).toMatchObject({ status: 503, headers: { 'retry-after': '2' }, body: { reason: 'HUB_STOPPING' } });
  });

  it('answers 500 when the hub is at fault, and says nothing of the fault', async () => {
    const caller = await startSyncCaller(version);
    const { journal } = caller.hub;
    vi.spyOn(journal, 'accept').mockRejectedValue(new TypeError('undefined is not a journal'));
    const answer = await caller.postJson({ type: 'ProcessUpdated' });
    expect(answer).toMatchObject({ status: 500, body: { status: 'refused', reason: 'HUB_FAILED' } });
    expect(JSON.stringify(answer.body)).not.toContain('undefined');
    expect(caller.hub.faults).toMatchObject([{ message: 'undefined is not a journal' }]);
  });
});
