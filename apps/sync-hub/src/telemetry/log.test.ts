import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createAdapterLog, createLog } from './log.ts';

/** A log whose records a test reads. */
function recordingLog() {
  const records: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      records.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { log: pino({ level: 'trace', base: null }, stream), records };
}

it('is written at the level that the configuration names', () => {
  expect(createLog('warn').level).toBe('warn');
  expect(createLog('silent').isLevelEnabled('fatal')).toBe(false);
});

it("tells what an adapter says as the hub's record, with the adapter's name and its fields apart", () => {
  const { log, records } = recordingLog();
  const adapterLog = createAdapterLog(log, { id: 'billing', version: '1.2.3' });
  adapterLog.debug('one');
  adapterLog.info('two', { adapter: 'records', level: 60, msg: 'not this', time: 0 });
  adapterLog.warn('three');
  adapterLog.error('four %s %o', { a: 1 });
  expect(records).toMatchObject([
    { level: 20, msg: 'one' },
    // An adapter cannot speak in another's name, nor in another place of the record.
    { level: 30, msg: 'two', adapter: 'billing', adapterVersion: '1.2.3', fields: { adapter: 'records' } },
    { level: 40, msg: 'three' },
    { level: 50, msg: 'four %s %o', fields: { a: 1 } },
  ]);
  expect(records[1]?.time).not.toBe(0);
});
