import { adapterEvent, type EventFields } from '@hms-sync/adapter-sdk';
import { describe, expect, it } from 'vitest';
import { syncRequest } from './mapping.ts';

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
const bodyOf = (changes?: Partial<EventFields>) =>
  JSON.parse(new TextDecoder().decode(syncRequest(event(changes)).body));

describe('syncRequest', () => {
  it('goes to /records-sync', () => {
    expect(syncRequest(event()).path).toBe('/records-sync');
  });

  it.each(['PolicyUpdated', 'ProcessUpdated'])('tells type and payload of %s, and what identifies it', (type) => {
    expect(bodyOf({ type })).toEqual({
      type,
      payload: { processId: 'process-7' },
      id: 'event-1',
      source: 'hms-api',
      key: 'process-7',
      time: '2026-11-23T10:00:00.000Z',
    });
  });

  it('tells of an event without data', () => {
    expect(bodyOf({ data: new Uint8Array() })).toMatchObject({ type: 'ProcessUpdated', payload: null });
  });

  it('refuses data that should be JSON and is not', () => {
    expect(() => syncRequest(event({ data: Buffer.from('{') }))).toThrow(
      expect.objectContaining({ kind: 'permanent' }),
    );
  });
});
