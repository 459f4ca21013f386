import { describe, expect, it } from 'vitest';
import { type AdapterEvent, adapterEvent, type EventFields } from '../src/event.ts';
import { eventFields } from './delivery.ts';

/** What an adapter makes of an event: where it goes and what is told. */
export interface SyncRequestMapping {
  readonly syncRequest: (event: AdapterEvent) => { readonly path: string; readonly body: Uint8Array };
  /** Where it must go, such as `/billing-sync`. */
  readonly path: string;
}

/** What each mapping to `{type, payload, id, source, key, time}` promises: the same for each of them. */
export function describeSyncRequest({ syncRequest, path }: SyncRequestMapping): void {
  const event = (changes: Partial<EventFields> = {}) =>
    adapterEvent({
      ...eventFields(),
      id: 'event-1',
      source: 'hms-api',
      type: 'PolicyUpdated',
      key: 'process-7',
      time: new Date('2026-11-23T10:00:00Z'),
      data: Buffer.from('{"processId":"process-7"}'),
      ...changes,
    });
  const bodyOf = (changes?: Partial<EventFields>) =>
    JSON.parse(new TextDecoder().decode(syncRequest(event(changes)).body));

  describe('syncRequest', () => {
    it(`goes to ${path}`, () => {
      expect(syncRequest(event()).path).toBe(path);
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

    it.each(['PolicyUpdated', 'ProcessUpdated'])('tells of %s without data', (type) => {
      expect(bodyOf({ type, data: new Uint8Array() })).toMatchObject({ type, payload: null });
    });

    it('refuses data that should be JSON and is not', () => {
      expect(() => syncRequest(event({ data: Buffer.from('{') }))).toThrow(
        expect.objectContaining({ kind: 'permanent' }),
      );
    });
  });
}
