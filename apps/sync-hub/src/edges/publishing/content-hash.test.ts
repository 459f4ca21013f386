import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SyncEvent } from '../../core/event.ts';
import { contentHash } from './content-hash.ts';

const event: SyncEvent = {
  id: 'event-1',
  source: 'hms-api',
  type: 'ProcessUpdated',
  key: 'process-7',
  timeMs: 1_790_000_000_000,
  data: Buffer.from('{"processId":"process-7"}'),
  dataContentType: 'application/json',
  attributes: { traceparent: '00-a-b-01', clinic: 'north', team: 'a' },
};

const hex = (changes: Partial<SyncEvent> = {}, timeMs: number | undefined = undefined) =>
  Buffer.from(contentHash({ ...event, ...changes }, timeMs)).toString('hex');

describe('the content hash', () => {
  it('is 32 bytes, and the same for the same content', () => {
    expect(contentHash(event, undefined)).toHaveLength(32);
    expect(hex()).toBe(hex({ data: Uint8Array.from(event.data) }));
  });

  it.each<Partial<SyncEvent>>([
    { source: 'other' },
    { type: 'PolicyUpdated' },
    { key: 'process-8' },
    { data: Buffer.from('{"processId":"process-8"}') },
    { data: new Uint8Array() },
    { dataContentType: 'text/plain' },
    { attributes: { clinic: 'south', team: 'a' } },
    { attributes: { clinic: 'north' } },
    { attributes: { clinic: 'north', team: 'a', more: '' } },
    { attributes: JSON.parse('{"clinic":"north","team":"a","__proto__":"x"}') },
  ])('changes with %j', (changes) => {
    expect(hex(changes)).not.toBe(hex());
  });

  it('changes with the time when that was published, and only then', () => {
    expect(hex({ timeMs: 1 })).toBe(hex({ timeMs: 2 }));
    const hashes = [hex(), hex({}, 0), hex({}, 1)];
    expect(new Set(hashes).size).toBe(3);
  });

  it('does not change with the trace, nor with the order of attributes', () => {
    expect(hex({ attributes: { team: 'a', clinic: 'north', tracestate: 'x=y' } })).toBe(hex());
  });

  it('does not take one field for another', () => {
    const text = fc.string({ maxLength: 6 });
    const fields = fc.record({ source: text, type: text, key: text, dataContentType: text, data: text });
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const hashOf = (said: typeof a) => hex({ ...said, data: Buffer.from(said.data) });
        expect(hashOf(a) === hashOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    expect(hex({ key: 'a', type: 'b' })).not.toBe(hex({ key: 'b', type: 'a' }));
    expect(hex({ source: '', type: 'xy' })).not.toBe(hex({ source: 'x', type: 'y' }));
  });
});
