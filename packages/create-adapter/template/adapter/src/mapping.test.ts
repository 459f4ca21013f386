import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adapterEvent, type EventFields } from '@hms-sync/adapter-sdk';
import { changeRequest } from './mapping.ts';

const event = (changes: Partial<EventFields> = {}) =>
  adapterEvent({
    id: 'event-1',
    source: 'hms-api',
    type: 'ProcessUpdated',
    key: 'process-7',
    time: new Date('2026-11-23T10:00:00Z'),
    data: Buffer.from('{"processId":"process-7"}'),
    dataContentType: 'application/json',
    attributes: {},
    ...changes,
  });

describe('changeRequest', () => {
  it('asks for a change, and tells type, payload and what identifies it', () => {
    const { path, body } = changeRequest(event());
    assert.equal(path, '/changes');
    assert.deepEqual(JSON.parse(new TextDecoder().decode(body)), {
      type: 'ProcessUpdated',
      payload: { processId: 'process-7' },
      id: 'event-1',
      source: 'hms-api',
      key: 'process-7',
      time: '2026-11-23T10:00:00.000Z',
    });
  });

  it('refuses data that should be JSON and is not', () => {
    assert.throws(() => changeRequest(event({ data: Buffer.from('{') })), { kind: 'permanent' });
  });
});
