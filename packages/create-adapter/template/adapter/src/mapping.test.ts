import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adapterEvent, type EventFields } from '@hms-sync/adapter-sdk';
import { changeOf } from './mapping.ts';

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

describe('changeOf', () => {
  it('holds type, payload and what identifies the event', () => {
    assert.deepEqual(JSON.parse(new TextDecoder().decode(changeOf(event()))), {
      type: 'ProcessUpdated',
      payload: { processId: 'process-7' },
      id: 'event-1',
      source: 'hms-api',
      key: 'process-7',
      time: '2026-11-23T10:00:00.000Z',
    });
  });

  it('rejects data that should be JSON and is not', () => {
    assert.throws(() => changeOf(event({ data: Buffer.from('{') })), { kind: 'permanent' });
  });
});
