import { describe, expect, test } from 'vitest';
import { syncBeforeAck } from './sync-before-ack.ts';
import { parseTrace } from './syscall-trace.ts';

const LOG = '/data/journal.db-wal';
const PORT = 7003;

const hex = (bytes: Buffer | string) =>
  Array.from(Buffer.from(bytes), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
const log = `27<${hex(LOG)}>`;

/** A frame of the log, as SQLite writes it: what comes before the page, then the page. */
function frame(page: string, { commits }: { commits: boolean }): string[] {
  const header = Buffer.alloc(24);
  header.writeUInt32BE(commits ? 9 : 0, 4);
  return [
    `12 pwrite64(${log}, "${hex(header)}", 24, 32) = 24`,
    `12 pwrite64(${log}, "${hex(page)}", ${page.length}, 56) = ${page.length}`,
  ];
}

const sync = `12 fsync(${log}) = 0`;
const report = (text: string, peer = `127.0.0.1:${PORT}->127.0.0.1:50001`) =>
  `10 writev(30<TCP:[${peer}]>, [{iov_base="${hex('HTTP ')}", iov_len=5}, {iov_base="${hex(text)}", iov_len=${text.length}}], 2) = ${text.length + 5}`;

function check(...lines: readonly string[]) {
  return syncBeforeAck({ calls: parseTrace(lines.join('\n')), logPath: LOG, port: PORT, words: /event-\d/g });
}

describe('a trace', () => {
  test('passes if each event was committed and synced before its acknowledgement', () => {
    const { acknowledged, syncs, tooEarly } = check(
      ...frame('event-1', { commits: false }),
      ...frame('event-2', { commits: true }),
      sync,
      report('event-1 event-2'),
    );
    expect({ acknowledged: [...acknowledged], syncs, tooEarly }).toEqual({
      acknowledged: ['event-1', 'event-2'],
      syncs: 1,
      tooEarly: [],
    });
  });

  test('passes if the sync and other calls overlapped', () => {
    const { acknowledged, tooEarly } = check(
      ...frame('event-1', { commits: true }),
      `12 fsync(${log} <unfinished ...>`,
      `10 writev(31<TCP:[127.0.0.1:50009->127.0.0.1:8080]>, [{iov_base="${hex('event-1')}", iov_len=7}], 1) = 7`,
      '12 <... fsync resumed>)                   = 0',
      report('event-1'),
    );
    expect({ acknowledged: [...acknowledged], tooEarly }).toEqual({ acknowledged: ['event-1'], tooEarly: [] });
  });

  const wrong: [string, string[]][] = [
    ['was never synced', [...frame('event-1', { commits: true }), report('event-1')]],
    ['was acknowledged before the sync', [...frame('event-1', { commits: true }), report('event-1'), sync]],
    [
      'was acknowledged while the sync ran',
      [
        ...frame('event-1', { commits: true }),
        `12 fsync(${log} <unfinished ...>`,
        report('event-1'),
        '12 <... fsync resumed>) = 0',
      ],
    ],
    [
      'was synced in vain',
      [
        ...frame('event-1', { commits: true }),
        `12 fsync(${log}) = -1 EIO (Input/output error) (INJECTED)`,
        report('event-1'),
      ],
    ],
    ['was synced before it was written', [sync, ...frame('event-1', { commits: true }), report('event-1')]],
    [
      'was synced before its commit',
      [...frame('event-1', { commits: false }), sync, ...frame('nothing', { commits: true }), report('event-1')],
    ],
    ['was never written', [...frame('event-2', { commits: true }), sync, report('event-1')]],
    [
      'was acknowledged in two writes',
      [
        ...frame('event-1', { commits: true }),
        report('eve'),
        `10 write(30<TCP:[127.0.0.1:${PORT}->127.0.0.1:50001]>, "${hex('nt-1')}", 4) = 4`,
      ],
    ],
  ];
  test.for(wrong)('is rejected if an event %s', ([, lines]) => {
    const { tooEarly, unwritten } = check(...lines);
    expect([...tooEarly, ...unwritten]).toEqual([expect.stringMatching(/^event-1 was acknowledged/)]);
  });

  test('does not count what was sent to anyone but callers', () => {
    expect(check(report('event-1', `127.0.0.1:50009->127.0.0.1:${PORT}`)).acknowledged.size).toBe(0);
  });

  test('is not judged when a part of it was cut off', () => {
    expect(() => check(`10 write(30<TCP:[127.0.0.1:${PORT}->127.0.0.1:5]>, "${hex('eve')}"..., 7) = 7`)).toThrow('-s');
  });
});
