import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createAdapterLog, createLog, LogOutput } from './log.ts';

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

const line = (text: string) => `${text.padEnd(999, '.')}\n`;

/** A pipe whose reader a test plays. */
function openPipe() {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-log-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const open = (flags: number) => openSync(path, flags | constants.O_NONBLOCK);
  let reader = open(constants.O_RDONLY);
  const fd = open(constants.O_WRONLY);
  onTestFinished(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  return {
    fd,
    /** All that waits in it. */
    read: () => {
      const chunk = Buffer.alloc(1 << 20);
      let text = '';
      try {
        for (let bytes = 1; bytes > 0; ) {
          bytes = readSync(reader, chunk);
          text += chunk.toString('utf8', 0, bytes);
        }
      } catch {
        // EAGAIN: it is empty.
      }
      return text;
    },
    closeReader: () => closeSync(reader),
    openReader: () => {
      reader = open(constants.O_RDONLY);
    },
  };
}

it('writes at once while somebody reads', () => {
  const pipe = openPipe();
  new LogOutput({ fd: pipe.fd, onLeftOut: vi.fn() }).write('a line\n');
  expect(pipe.read()).toBe('a line\n');
});

it('does not wait for a reader; keeps 1 MiB of lines, whole, and reports how many it left out', async () => {
  const pipe = openPipe();
  const left = Promise.withResolvers<number>();
  const output = new LogOutput({ fd: pipe.fd, onLeftOut: left.resolve });
  for (let index = 0; index < 3_000; index += 1) output.write(line(`line ${index} é`));
  let text = '';
  const reading = setInterval(() => {
    text += pipe.read();
  }, 5);
  const leftOut = await left.promise;
  clearInterval(reading);
  const lines = (text + pipe.read()).split('\n').slice(0, -1);
  expect(lines.map((each) => each.slice(0, each.indexOf('.')))).toEqual(lines.map((_, index) => `line ${index} é`));
  expect(lines.length).toBeGreaterThan(1_000);
  expect(lines.length + leftOut).toBe(3_000);
});

it('continues when a reader that was gone returns', async () => {
  const pipe = openPipe();
  const output = new LogOutput({ fd: pipe.fd, onLeftOut: vi.fn() });
  pipe.closeReader();
  output.write('to nobody\n');
  pipe.openReader();
  let text = '';
  await vi.waitFor(() => {
    text += pipe.read();
    expect(text).toBe('to nobody\n');
  });
});

it.runIf(process.platform === 'linux')('goes on when its disk is full', () => {
  const fd = openSync('/dev/full', 'a');
  onTestFinished(() => closeSync(fd));
  const output = new LogOutput({ fd, onLeftOut: vi.fn() });
  for (let index = 0; index < 2_000; index += 1) output.write(line('kept nowhere'));
});
