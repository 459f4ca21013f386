import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createAdapterLog, createLog } from './log.ts';

/** A log whose records a test reads. */
function recordingLog() {
  const lines: string[] = [];
  const records: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      records.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { log: createLog('trace', stream), lines, records };
}

it('is written at the level that the configuration names', () => {
  expect(createLog('warn').level).toBe('warn');
  expect(createLog('silent').isLevelEnabled('fatal')).toBe(false);
});

it("logs what an adapter says as the hub's record, with the adapter's name and its fields apart", () => {
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

it('has one line a record, in which nothing is raw that a terminal obeys or a reader does not see', () => {
  const hostile = 'a\u0000\u001b[2J\u007f\u009b31m\u061c\u200b\u202e\u2028\u2029\u2066\ufeff\ud800\u{e0041}\r\nb';
  const { log, lines, records } = recordingLog();
  log.warn({ reason: hostile, nested: [{ [hostile]: hostile }], err: new Error(hostile) }, hostile);
  const adapterLog = createAdapterLog(log, { id: hostile, version: hostile });
  adapterLog.error(hostile, { [hostile]: hostile });
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    expect(line).toMatch(/^[^\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]+\n$/u);
  }
  expect(records).toMatchObject([
    { msg: hostile, reason: hostile, nested: [{ [hostile]: hostile }], err: { message: hostile } },
    { msg: hostile, adapter: hostile, adapterVersion: hostile, fields: { [hostile]: hostile } },
  ]);
});
